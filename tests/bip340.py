"""BIP-340 signatures, checked by the BIP's own algorithm and by nothing that the program uses."""

import hashlib

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify(pk, m, sig) of BIP-340."""
    point = _lift_x(int.from_bytes(public_key))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if point is None or r >= P or s >= N or len(signature) != 64:
        return False
    tag = hashlib.sha256(b"BIP0340/challenge").digest()
    challenge = hashlib.sha256(tag + tag + signature[:32] + public_key + message).digest()
    result = _add(_multiply(G, s), _multiply(point, N - int.from_bytes(challenge) % N))
    return result is not None and result[1] % 2 == 0 and result[0] == r


def _lift_x(x: int) -> Point:
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if x >= P or y * y % P != square:
        return None
    return x, y if y % 2 == 0 else P - y


def _add(first: Point, second: Point) -> Point:
    if first is None or second is None:
        return second if first is None else first
    if first[0] == second[0] and (first[1] + second[1]) % P == 0:
        return None
    if first == second:
        slope = 3 * first[0] * first[0] * pow(2 * first[1], -1, P)
    else:
        slope = (second[1] - first[1]) * pow(second[0] - first[0], -1, P)
    x = (slope * slope - first[0] - second[0]) % P
    return x, (slope * (first[0] - x) - first[1]) % P


def _multiply(point: Point, factor: int) -> Point:
    result: Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result
