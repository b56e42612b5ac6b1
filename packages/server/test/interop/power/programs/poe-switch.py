#!/usr/bin/python3 -u
"""The PoE ports of a switch (RFC 3621, pethPsePortTable) for snmpd's pass_persist: ports 1 to 24 of groups 1 and 2.

Port 20 has a fault, 21 is in test, 22 cannot be set, 23 takes what it is told and does not do it, 24 has no board on it.
"""

import sys

TABLE = ".1.3.6.1.2.1.105.1.1.1"
ADMIN, DETECTION = 3, 6
TRUE, FALSE = 1, 2

rows = [(group, port) for group in (1, 2) for port in range(1, 25)]
enabled = {row: FALSE for row in rows}


def detection(row):
    """disabled(1), searching(2), deliveringPower(3), fault(4), test(5)"""
    special = {20: 4, 21: 5, 24: 2}
    if row[1] in (20, 21):
        return special[row[1]]
    return 1 if enabled[row] == FALSE else special.get(row[1], 3)


def columns():
    return [(column, *row) for column in (ADMIN, DETECTION) for row in rows]


def parse(oid):
    if not oid.startswith(TABLE + "."):
        return None
    return tuple(int(step) for step in oid[len(TABLE) + 1 :].split("."))


def value(index):
    column, *row = index
    return enabled[tuple(row)] if column == ADMIN else detection(tuple(row))


def show(index):
    if index is None or index not in columns():
        return "NONE"
    return "\n".join([TABLE + "." + ".".join(map(str, index)), "integer", str(value(index))])


def following(oid):
    begin = parse(oid) or ()
    return next((index for index in columns() if index > begin), None)


def put(oid, text):
    index = parse(oid)
    kind, _, number = text.partition(" ")
    if index is None or index not in columns() or index[0] != ADMIN or index[2] == 22:
        return "not-writable"
    if kind != "integer":
        return "wrong-type"
    if number not in ("1", "2"):
        return "wrong-value"
    if index[2] != 23:
        enabled[index[1:]] = int(number)
    return "DONE"


def line():
    text = sys.stdin.readline()
    if text == "":
        sys.exit(0)
    return text.strip()


while True:
    command = line().lower()
    if command == "ping":
        print("PONG")
    elif command == "get":
        print(show(parse(line())))
    elif command == "getnext":
        print(show(following(line())))
    elif command == "set":
        print(put(line(), line()))
    elif command != "":  # snmpd ends the value of a set with an empty line.
        sys.exit(0)
