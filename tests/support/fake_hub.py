"""A real HTTP server that gives a directory away as a repository of the Hugging Face hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(repositories: dict[str, Path]) -> web.Application:
    """Serve the two routes that a snapshot download uses; unknown names answer as the hub's do."""

    def folder(request: web.Request) -> Path:
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if name not in repositories:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound"})
        return repositories[name]

    async def listing(request: web.Request) -> web.Response:
        files = sorted(folder(request).iterdir())
        siblings = [{"rfilename": file.name} for file in files]
        return web.json_response({"id": "x", "sha": COMMIT, "siblings": siblings})

    async def tree(request: web.Request) -> web.Response:
        files = sorted(folder(request).iterdir())
        return web.json_response(
            [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": etag(f)}
                for f in files
            ]
        )

    async def file(request: web.Request) -> web.StreamResponse:
        path = folder(request) / request.match_info["file"]
        if not path.is_file():
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag(path)}"'}
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(path.stat().st_size)})
        response = web.StreamResponse(headers=headers)
        response.content_length = path.stat().st_size
        await response.prepare(request)
        await response.write(path.read_bytes())
        return response

    app = web.Application()
    app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", listing)
    app.router.add_get("/api/models/{owner}/{name}/tree/{revision}", tree)
    app.router.add_get("/{owner}/{name}/resolve/{revision}/{file}", file)
    return app


def etag(file: Path) -> str:
    return hashlib.sha1(file.name.encode()).hexdigest()
