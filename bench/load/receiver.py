"""A fast receiver of webhooks: answers 204 at once, and writes when the first byte of each message came.

Prints its port; ends when its standard input does, and writes one line a message: event id, webhook-id,
seconds, and how late a trigger said that it was.
"""

import asyncio
import re
import sys
import time

EVENT = re.compile(rb'"event_id":"([^"]*)"')
LENGTH = re.compile(rb"content-length: (\d+)", re.I)
ID = re.compile(rb"webhook-id: (\S+)", re.I)
LATE = re.compile(rb'"late_by_s":([0-9.e-]+)')
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
seen = []


class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer, self.began = transport, b"", None

    def data_received(self, data):
        if self.began is None:
            self.began = time.time()
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            size = end + 4 + int(LENGTH.search(self.buffer, 0, end)[1])
            if len(self.buffer) < size:
                return
            message, self.buffer = self.buffer[:size], self.buffer[size:]
            late = LATE.search(message, end)
            seen.append((EVENT.search(message, end)[1], ID.search(message, 0, end)[1], self.began, late[1] if late else b"-"))
            self.began = time.time() if self.buffer else None
            self.transport.write(ANSWER)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(len(seen), flush=True)
    with open(sys.argv[1], "wb") as out:
        out.writelines(b"%s %s %.6f %s\n" % row for row in seen)

asyncio.run(main())
