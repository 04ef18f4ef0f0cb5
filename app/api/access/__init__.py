"""Who may call the merchant's API: the token and the keys, and what each route asks of them."""
