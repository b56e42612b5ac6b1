"""The work of a boot config API in Python: look at the key, note a line, give the config."""
import datetime
import os

import falcon

folder = os.environ["BENCH_FOLDER"]
key = os.environ["BENCH_KEY"]


class Config:
    def on_get(self, request, response, card):
        if request.get_header("X-Api-Key") != key:
            raise falcon.HTTPBadRequest()
        now = datetime.datetime.utcnow().strftime("%Y-%m-%d %H:%M:%S.%f")
        with open(os.path.join(folder, "tracks", card), "a", encoding="utf-8") as track:
            track.write(now + " BOOT GET\n")
        own = os.path.join(folder, "configs", card)
        with open(own if os.path.exists(own) else os.path.join(folder, "configs", "default"), "rb") as config:
            response.data = config.read()
        response.content_type = "application/json"


app = falcon.App()
app.add_route("/boot/{card}/config", Config())
