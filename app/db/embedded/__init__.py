"""The PostgreSQL of our own, for whoever names none."""
