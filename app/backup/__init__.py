"""Backups: database, seed file, marker and relay key in one encrypted file, written while Kennel runs."""
