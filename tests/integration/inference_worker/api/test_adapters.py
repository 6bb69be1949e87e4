"""Adapters of the endpoint: models of their own in its list, and by their names."""

from __future__ import annotations

from fakes.engine_server import engine_server
from inference_worker.engines.served.engine import ServedEngine
from tests.support.api import CHAT, PLAIN, api_endpoint


async def test_an_adapter_is_listed_and_chosen_as_a_model() -> None:
    async with engine_server(adapters=("lora-1",)) as server:
        engine = ServedEngine(server.url, adapters={"support": "lora-1", "gone": "lora-9"})
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            _, listing = await endpoint.get("/v1/models")
            assert [one["id"] for one in listing["data"]] == [endpoint.model, "support"]
            assert listing["data"][1]["parent"] == endpoint.model
            _, card = await endpoint.get("/v1/models/support")
            assert (card["id"], card["adapter"]) == ("support", "support")

            status, body = await endpoint.post(CHAT, {**endpoint.chat("안녕"), "model": "support"})
            assert status == 200
            assert body["model"] == "support"
            assert body["choices"][0]["message"]["content"] == "[lora-1] 에코: 안녕"
            _, plain = await endpoint.post(PLAIN, {**endpoint.plain("안녕"), "model": "support"})
            assert plain["choices"][0]["text"].startswith("[lora-1]")
            _, body = await endpoint.post(CHAT, endpoint.chat("안녕"))
            assert body["choices"][0]["message"]["content"] == "에코: 안녕"

            for name in ("gone", "lora-1"):
                status, body = await endpoint.post(CHAT, {**endpoint.chat(), "model": name})
                assert status == 404
                assert f"only {endpoint.model}, support." in body["error"]["message"]
        await engine.close()
