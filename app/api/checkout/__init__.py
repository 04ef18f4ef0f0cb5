"""The page on which an invoice is paid, its texts in all languages, and kennel.js, which opens it over a shop's page."""
