"""DogeConnect 1.0: payment requests for wallets, and the transactions that wallets submit."""

from app.domain.dogeconnect.envelope import Over, Terms, check_open, envelope, payload, uri_parameters
