"""Changes a disk through libnbd, over several connections at once, and tells what it does.

usage: workload.py SETTINGS   (JSON: uri, seed, changes, connections, size, firstId, flush, durable, cluster)

`durable` is the share of changes that are flushes or have FUA set; `flush` asks for a flush at the end; trims are of
whole clusters.

A line for each change when it is sent and when it is answered, in the order in which that happened:
  sent ID KIND OFFSET LENGTH FUA      KIND is write, zero, trim or flush; numbers are bytes
  done ID
Sectors that are written hold the ID, over and over. Changes that are under way at the same time do not overlap. The last line is `end` when
all went well; a connection that is lost ends its thread.
"""

import json
import random
import struct
import sys
import threading

import nbd

settings = json.loads(sys.argv[1])
chance = random.Random(settings["seed"])
lock = threading.Lock()
under_way = {}
state = {"next": settings["firstId"], "left": settings["changes"], "lost": 0}

SECTOR = 512
CLUSTER = settings["cluster"]
SIZE = settings["size"]


def say(*words):
    print(*words, flush=True)


def draw():
    """A kind of change and where."""
    dice = chance.random()
    if chance.random() < settings["durable"] / 2:
        return "flush", 0, 0
    if dice < 0.1:
        length = CLUSTER * chance.randint(1, max(1, 12 * 65536 // CLUSTER))
        offset = CLUSTER * chance.randrange(0, SIZE // CLUSTER)
        return "trim", offset, min(length, SIZE - offset)
    most = chance.choice([1, 8, 8, 64, 256, 1500])
    # Half of it goes to one place, so that clusters are freed and taken again.
    area = SIZE // 16 if chance.random() < 0.5 else SIZE
    offset = SECTOR * chance.randrange(0, area // SECTOR)
    length = min(SECTOR * chance.randint(1, most), SIZE - offset)
    return ("zero" if dice < 0.22 else "write"), offset, length


def overlaps(offset, length):
    return any(offset < end and start < offset + length for start, end in under_way.values())


def begin():
    """Draws the next change; None when there are enough."""
    with lock:
        if state["left"] == 0:
            return None
        state["left"] -= 1
        kind, offset, length = draw()
        while overlaps(offset, length):
            kind, offset, length = draw()
        number = state["next"]
        state["next"] += 1
        if kind != "flush":
            under_way[number] = (offset, offset + length)
        fua = kind != "flush" and chance.random() < settings["durable"] / 2
        no_hole = kind == "zero" and chance.random() < 0.2
        say("sent", number, kind, offset, length, int(fua))
        return number, kind, offset, length, fua, no_hole


def carry_out(handle, change):
    number, kind, offset, length, fua, no_hole = change
    flags = nbd.CMD_FLAG_FUA if fua else 0
    if kind == "write":
        handle.pwrite(struct.pack("<I", number) * (length // 4), offset, flags)
    elif kind == "trim":
        handle.trim(length, offset, flags)
    elif kind == "zero":
        handle.zero(length, offset, flags | (nbd.CMD_FLAG_NO_HOLE if no_hole else 0))
    else:
        handle.flush()


def work(handle):
    change = begin()
    while change is not None:
        try:
            carry_out(handle, change)
        except nbd.Error as error:
            with lock:
                state["lost"] += 1
                print(error, file=sys.stderr)
            return
        with lock:
            under_way.pop(change[0], None)
            say("done", change[0])
        change = begin()


handles = []
for _ in range(settings["connections"]):
    each = nbd.NBD()
    each.connect_uri(settings["uri"])
    handles.append(each)
threads = [threading.Thread(target=work, args=(each,)) for each in handles]
for each in threads:
    each.start()
for each in threads:
    each.join()
if state["lost"] == 0:
    if settings["flush"]:
        number = state["next"]
        say("sent", number, "flush", 0, 0, 0)
        handles[0].flush()
        say("done", number)
    for each in handles:
        each.shutdown()
    say("end")
