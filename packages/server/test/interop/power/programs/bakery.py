#!/usr/bin/python3
"""A power program: keeps the state of boards in a file, and writes down what it was started with."""

import json
import os
import sys

with open(sys.argv[sys.argv.index("-c") + 1], encoding="utf-8") as file:
    config = json.load(file)

text = sys.stdin.read()
asked = json.loads(text)
with open(config["log"], "a", encoding="utf-8") as log:
    log.write(json.dumps({"argv": sys.argv[1:], "stdin": text, "env": dict(os.environ), "cwd": os.getcwd()}) + "\n")

path = os.path.join(config["state"], asked["piId"].replace("/", "_"))
if asked["action"] == "query":
    sys.stdout.write(open(path, encoding="utf-8").read() if os.path.exists(path) else "off")
    sys.exit(0)

if not config.get("lies"):
    with open(path, "w", encoding="utf-8") as file:
        file.write({"poweron": "on", "poweroff": "off"}[asked["action"]])
sys.stdout.write("ok")
