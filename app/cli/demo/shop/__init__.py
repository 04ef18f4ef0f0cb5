"""The demo's shop: a page that sells one thing by kennel.js, and a wallet that pays for it."""
