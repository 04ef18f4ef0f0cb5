"""Kennel takes, holds and sends Dogecoin on behalf of others."""
