"""The announcements over ZMQ: topics, order and counters as Core has them."""

import struct

import zmq

from app.chain.wire import Transaction

_COUNTERS = 2**32


class ZmqPublisher:
    """A publishing socket with one counter per topic, from 0 at every start. A slow reader loses messages."""

    def __init__(self, bind: str | None) -> None:
        """Listen on `bind` ("127.0.0.1:28332", port 0 for any free one); on nothing if it is None."""
        self._counters = dict.fromkeys((b"hashblock", b"hashtx", b"rawblock", b"rawtx"), 0)
        self._context = zmq.Context() if bind else None
        self._socket: zmq.Socket[bytes] | None = None
        self.endpoint = ""
        if self._context is None or bind is None:
            return
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        host, _, port = bind.removeprefix("tcp://").rpartition(":")
        try:
            self._socket.bind(f"tcp://{host}:{'*' if port == '0' else port}")
        except zmq.ZMQError:
            self.close()
            raise
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def close(self) -> None:
        """Stop listening; what was not sent is lost."""
        if self._socket is not None and self._context is not None:
            self._socket.close()
            self._context.term()

    def transaction(self, transaction: Transaction) -> None:
        """Announce a transaction, its hash in display order."""
        self._publish(b"hashtx", transaction.txid[::-1])
        self._publish(b"rawtx", transaction.raw)

    def block(self, header_hash: bytes, raw: bytes) -> None:
        """Announce a tip, its hash in display order."""
        self._publish(b"hashblock", header_hash[::-1])
        self._publish(b"rawblock", raw)

    def _publish(self, topic: bytes, body: bytes) -> None:
        counter = self._counters[topic]
        self._counters[topic] = (counter + 1) % _COUNTERS
        if self._socket is not None:
            self._socket.send_multipart([topic, body, struct.pack("<I", counter)])
