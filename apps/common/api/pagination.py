"""Cursor pagination, newest first."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages by id (UUIDv7, so by time), newest first, 50 rows unless `page_size` says otherwise."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
