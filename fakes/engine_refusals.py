"""How each dialect refuses a request."""

from __future__ import annotations

from aiohttp import web

from fakes.engine_state import FIELDS, EngineServer, Json, pictures_of, prompt_tokens


def general_refusal(server: EngineServer, body: Json) -> web.Response | None:
    if server.overloaded > 0:
        server.overloaded -= 1
        return refuse(server, 429, "Model is overloaded", "overloaded")
    if server.fails_with:
        status, content = server.fails_with
        if isinstance(content, str):
            return web.Response(status=status, text=content)
        return web.json_response(content, status=status)
    given = int(prompt_tokens(body) * 2 * server.density)
    if server.max_prompt_tokens and given > server.max_prompt_tokens:
        return _too_long(server, given)
    if not server.takes_system and any(m["role"] == "system" for m in body.get("messages", ())):
        return refuse(server, 400, "System role not supported", "BadRequestError")
    return None


def picture_refusal(server: EngineServer, body: Json) -> web.Response | None:
    messages = [m for m in body.get("messages", ()) if isinstance(m["content"], list)]
    if messages and not server.vision:
        return refuse(server, 400, "This model is not a multimodal model.", "BadRequestError")
    try:
        for message in messages:
            pictures_of(message)
    except (KeyError, TypeError, ValueError, OSError) as error:
        return refuse(server, 400, f"Invalid image: {error}", "BadRequestError")
    return None


def prefill_refusal(server: EngineServer, body: Json) -> web.Response | None:
    """The refusal of a last message that is, or is not, the assistant's to go on in.

    Servers that cannot go on answer such a message as if it was whole, or the user's: here that
    is a refusal, so that no test overlooks it.
    """
    is_open = body["messages"][-1]["role"] == "assistant"
    asked = bool(body.get("continue_final_message"))
    both = server.dialect == "vllm" and asked and body.get("add_generation_prompt", True)
    goes_on = server.dialect == "llamacpp" or asked
    faults = {
        "Cannot set both `continue_final_message` and `add_generation_prompt` to True.": both,
        "Only a last message of the assistant goes on.": asked and not is_open,
        "The last message must be the user's.": is_open and not goes_on,
        "Assistant response prefill is incompatible with enable_thinking.": (
            is_open and not server.takes_prefill
        ),
    }
    message = next((fault for fault, found in faults.items() if found), None)
    return refuse(server, 400, message, "BadRequestError") if message else None


def _too_long(server: EngineServer, given: int) -> web.Response:
    if server.dialect == "tgi":
        message = f"`inputs` must have less than {server.max_prompt_tokens} tokens. Given: {given}"
        return refuse(server, 422, f"Input validation error: {message}", "validation")
    if server.dialect == "llamacpp":
        message = "the request exceeds the available context size, try increasing it"
        return refuse(server, 400, message, "exceed_context_size_error")
    if not server.says_counts:
        return refuse(server, 400, "The prompt is too long.", "BadRequest")
    message = f"This model's maximum context length is {server.max_prompt_tokens} tokens."
    return refuse(server, 400, f"{message} Your request has {given} input tokens.", "BadRequest")


def chat_refusal(server: EngineServer, body: Json) -> web.Response | None:
    unknown = sorted(body.keys() - FIELDS[server.dialect])
    if unknown and (server.strict or server.dialect == "transformers"):
        detail = f"Unexpected fields in the request: {unknown}"
        return web.json_response({"detail": detail}, status=422)
    there = (server.model, *server.adapters) if server.dialect == "vllm" else (server.model,)
    if server.dialect in ("vllm", "sglang") and body.get("model") not in there:
        message = f"The model `{body.get('model')}` does not exist."
        return refuse(server, 404, message, "NotFoundError")
    if server.dialect == "transformers" and body.get("model") != server.model:
        detail = f"Server is pinned to '{server.model}'; requested '{body.get('model')}'."
        return web.json_response({"detail": detail}, status=400)
    if body.get("lora_path", "") not in ("", *server.adapters):
        message = f"LoRA adapter '{body['lora_path']}' is not loaded."
        return refuse(server, 400, message, "BadRequestError")
    if server.dialect == "tgi":
        return tgi_refusal(server, body, chat=True)
    return None


def tgi_refusal(server: EngineServer, fields: Json, *, chat: bool) -> web.Response | None:
    """The refusal of TGI's validation of the fields that its routes share."""
    top_p, temperature = fields.get("top_p"), fields.get("temperature")
    stop, seed = fields.get("stop") or [], fields.get("seed")
    faults = {
        "`top_p` must be > 0.0 and < 1.0": top_p is not None and not 0 < top_p < 1,
        "`temperature` must be strictly positive": not chat and temperature == 0,
        "`top_k` must be strictly positive": fields.get("top_k") in (0, -1),
        "`stop` supports up to 4 stop sequences": len(stop) > 4,
        "invalid value: seed, expected u64": seed is not None and seed < 0,
        "unknown adapter": chat and fields.get("model") not in ("tgi", *server.adapters),
    }
    message = next((fault for fault, found in faults.items() if found), None)
    if message is None:
        return None
    return refuse(server, 422, f"Input validation error: {message}", "validation")


def refuse(server: EngineServer, status: int, message: str, kind: str) -> web.Response:
    if server.dialect == "tgi":
        return web.json_response({"error": message, "error_type": kind}, status=status)
    error = {"message": message, "type": kind, "code": status}
    return web.json_response({"error": error}, status=status)
