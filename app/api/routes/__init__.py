"""Kinds of routes."""
