import base64
import hashlib
import hmac

from app.events import signatures

BODY = (
    b'{"event_type":"ACC_CREATED","message":{"id":"D","foreign_id":"f","payout_address":"","payout_threshold":"0",'
    b'"payout_frequency":""},"event_id":"00000000"}'
)


def test_gigawallets_own_vector_holds() -> None:
    signature = signatures.giga("such-secret", 1700000000, BODY)

    assert signature == "4473a55ac1c27983c2b4d8932120d9f91d45eb890b4b7c727387a9c429519978"


def test_the_vector_of_the_standard_webhooks_libraries_holds() -> None:
    """From the test of the reference libraries: message id, time, body and signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signature = signatures.standard(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signature == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_in_plain_text_is_its_own_bytes() -> None:
    digest = hmac.new(b"such-secret", b"an-id.1700000000.{}", hashlib.sha256).digest()

    assert signatures.standard("such-secret", "an-id", 1700000000, b"{}") == base64.b64encode(digest).decode()


def test_each_attempt_has_both_ways_headers_and_none_is_signed_without_a_secret() -> None:
    signed = signatures.headers("such-secret", "id-1", 1700000000, BODY)
    plain = signatures.headers("", "id-1", 1700000000, BODY)

    assert signed["X-Giga-Signature"] == f"sha256={signatures.giga('such-secret', 1700000000, BODY)}"
    assert signed["webhook-signature"].startswith("v1,")
    assert signed.keys() - plain.keys() == {"X-Giga-Signature", "webhook-signature"}
    assert plain["webhook-id"] == "id-1"
    assert plain["webhook-timestamp"] == plain["X-Giga-Timestamp"] == "1700000000"
    assert plain["Content-Type"] == "application/json"
