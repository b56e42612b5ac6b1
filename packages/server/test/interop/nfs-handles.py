"""Speaks NFS version 3 (RFC 1813) and ONC RPC (RFC 5531) by hand, to try file handles that a well-behaved client would not send.

usage: nfs-handles.py SERVER NFS-PORT MOUNT-PORT, then lines on standard input:
  mount PATH           the handle of an export, in hex, or `refused STATUS`
  list HEX             names in the folder, or `refused STATUS`
  read HEX NAME        the content of a file in the folder, or `refused STATUS`
Each answer is a line."""
import os, random, socket, struct, sys

server, nfs_port, mount_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def opaque(data):
    return struct.pack('>I', len(data)) + data + b'\0' * (-len(data) % 4)


def port_mapper(program, version):
    reply = call(111, 100000, 2, 3, struct.pack('>IIII', program, version, 6, 0))
    return struct.unpack('>I', reply[:4])[0]


def call(port, program, version, procedure, arguments):
    xid = random.getrandbits(31)
    credential = struct.pack('>I', 0) + opaque(b'drover') + struct.pack('>III', 0, 0, 0)
    header = struct.pack('>IIIIII', xid, 0, 2, program, version, procedure)
    message = header + struct.pack('>I', 1) + opaque(credential) + struct.pack('>II', 0, 0) + arguments
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Servers may want a port that only root has.
        for local in random.sample(range(700, 1023), 50):
            try:
                connection.bind(('', local))
                break
            except OSError:
                continue
        connection.settimeout(10)
        connection.connect((server, port))
        connection.sendall(struct.pack('>I', 0x80000000 | len(message)) + message)
        reply = b''
        last = False
        while not last:
            mark = struct.unpack('>I', receive(connection, 4))[0]
            last = bool(mark & 0x80000000)
            reply += receive(connection, mark & 0x7FFFFFFF)
    _xid, _kind, state = struct.unpack('>III', reply[:12])
    if state != 0:
        raise Refused('denied')
    verifier = struct.unpack('>I', reply[16:20])[0]
    at = 20 + verifier + (-verifier % 4)
    accepted = struct.unpack('>I', reply[at:at + 4])[0]
    if accepted != 0:
        raise Refused('accept %d' % accepted)
    return reply[at + 4:]


def receive(connection, length):
    data = b''
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise Refused('closed')
        data += part
    return data


class Refused(Exception):
    pass


def status(reply):
    code = struct.unpack('>I', reply[:4])[0]
    if code != 0:
        raise Refused(str(code))
    return reply[4:]


def mount(path):
    port = mount_port or port_mapper(100005, 3)
    reply = status(call(port, 100005, 3, 1, opaque(path.encode())))
    length = struct.unpack('>I', reply[:4])[0]
    return reply[4:4 + length]


def skip_attributes(data):
    return data[4 + 84:] if struct.unpack('>I', data[:4])[0] else data[4:]


def list_folder(handle):
    names, cookie, verifier = [], 0, b'\0' * 8
    data = skip_attributes(status(call(nfs_port, 100003, 3, 16, opaque(handle) + struct.pack('>Q', cookie) + verifier + struct.pack('>I', 32768))))
    data = data[8:]
    while struct.unpack('>I', data[:4])[0]:
        length = struct.unpack('>I', data[12:16])[0]
        names.append(data[16:16 + length].decode())
        data = data[16 + length + (-length % 4) + 8:]
    return sorted(name for name in names if name not in ('.', '..'))


def read(handle, name):
    reply = status(call(nfs_port, 100003, 3, 3, opaque(handle) + opaque(name.encode())))
    length = struct.unpack('>I', reply[:4])[0]
    file = reply[4:4 + length]
    data = skip_attributes(status(call(nfs_port, 100003, 3, 6, opaque(file) + struct.pack('>QI', 0, 4096))))
    length = struct.unpack('>I', data[8:12])[0]
    return data[12:12 + length].decode().strip()


for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == 'mount':
            answer = mount(words[1]).hex()
        elif words[0] == 'list':
            answer = ' '.join(list_folder(bytes.fromhex(words[1])))
        else:
            answer = read(bytes.fromhex(words[1]), words[2])
    except Refused as refused:
        answer = 'refused %s' % refused
    except OSError as error:
        answer = 'refused %s' % error
    print(answer, flush=True)
