"""`GET /dropzone`: what lies in `incoming/`, and why it is not taken."""

from __future__ import annotations

from aiohttp import web

from worker.http.answers import DropzoneAnswer, DropzoneItem
from worker.http.paging import page_of
from worker.http.ports import Services, WaitingFile
from worker.http.requests import json_answer, read_query
from worker.http.schemas import DropzoneList

__all__ = ["DropzoneRoutes"]


class DropzoneRoutes:
    """As this worker's last scan found it. Works with Kafka away, which is then the reason."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/dropzone", self.list)]

    async def list(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, DropzoneList)
        files = self._services.intake.waiting()
        page, cursor = page_of(files, _age, query.limit, query.cursor)
        items = [DropzoneItem.model_validate(file) for file in page]
        return json_answer(DropzoneAnswer(items=items, next_cursor=cursor).model_dump())


def _age(file: WaitingFile) -> tuple[str, str]:
    return file.since, file.path
