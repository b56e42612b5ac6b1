"""Sends a spanning tree frame twice a second, as a switch does every two seconds: send-bpdu.py CARD rstp|pvst"""
import socket
import sys
import time

card, kind = sys.argv[1:3]
source = bytes.fromhex("001b21000001")
# IEEE 802.1D-2004, 9.3.3: protocol 0, version 2, type 2, flags, root, cost, bridge, port, ages and times, version 1 length.
rstp = bytes.fromhex("000002027c" + "8000001b21000001" + "00000000" + "8000001b21000001" + "8001" + "0000140002000f0000")
llc = {
    "rstp": (bytes.fromhex("0180c2000000"), bytes.fromhex("424203") + rstp),
    "pvst": (bytes.fromhex("01000ccccccd"), bytes.fromhex("aaaa0300000c010b") + rstp + bytes.fromhex("000000020001")),
}
destination, payload = llc[kind]
frame = destination + source + len(payload).to_bytes(2, "big") + payload
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((card, 0))
print("sending", flush=True)
while True:
    out.send(frame.ljust(60, b"\0"))
    time.sleep(0.5)
