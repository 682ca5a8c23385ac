"""Batching rules: how one operation runs over a hidden batch dim. Layer: torchy. Used by vmap only."""
