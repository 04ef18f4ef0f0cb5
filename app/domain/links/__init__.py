"""Pay links: one address on the web that makes an invoice with a fresh quote for whoever opens it."""

from app.domain.links.link import Link, LinkCursor, LinkTerms, NoSuchLink, fetch, page, shown
from app.domain.links.making import CLOSE, MAKE, LinkOrder
from app.domain.links.opening import OPEN, LinkOver, OpenOrder, TooManyOpen
