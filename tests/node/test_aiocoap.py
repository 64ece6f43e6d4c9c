"""aiocoap and a Linux node: its client asks ours, our command asks its server.

On a loopback interface of its own where it may make one, otherwise on the host's.
"""

import asyncio
import os
import subprocess
import sys
import tempfile

import namespace
import aiocoap_there  # noqa: F401

from judge import end, expect  # noqa: E402

import aiocoap  # noqa: E402
from aiocoap import resource  # noqa: E402
from aiocoap.numbers import ContentFormat, codes  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
PORT = 20000 + os.getpid() % 20000  # of aiocoap's server
BODY = bytes(i * 7 % 251 for i in range(40_000))
SENTENCE = b"a colour is red, green or blue, not mauve"


class Node:
    """The program `node_third`, killed at the end; on a port of its own choice."""

    def __enter__(self):
        self.process = subprocess.Popen([LINUX + "/tests/node/node_third"], stdout=subprocess.PIPE)
        self.at = f"coap://127.0.0.1:{int(self.process.stdout.readline())}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# ---- aiocoap's client, our server


async def ask(client, code, uri, **options):
    message = aiocoap.Message(code=code, uri=uri, **options)
    return await asyncio.wait_for(client.request(message).response, 20)


async def check_requests(client, at):
    answer = await ask(client, codes.PUT, at + "/kept", payload=BODY)
    expect(answer.code == codes.CHANGED, f"40,000 bytes to be put, not {answer}")
    answer = await ask(client, codes.GET, at + "/kept")
    expect(answer.payload == BODY, f"the same 40,000 bytes, not {len(answer.payload)}")
    answer = await ask(client, codes.POST, at + "/kept", payload=BODY[:5000], content_format=ContentFormat.TEXT)
    expect(answer.payload == b"5000 bytes", f"a POST's answer, not {answer}")
    for tag in b"one", b"another":
        answer = await ask(client, codes.PUT, at + "/kept", payload=BODY * 7, request_tag=(tag,))
        expect(answer.code == codes.CHANGED, f"280,000 bytes with Request-Tag, not {answer}")
    answer = await ask(client, codes.GET, at + "/kept")
    expect(answer.payload == BODY * 7, f"the same 280,000 bytes, not {len(answer.payload)}")
    answer = await ask(client, codes.PUT, at + "/kept", payload=BODY * 8)
    expect(answer.code == codes.REQUEST_ENTITY_TOO_LARGE, f"4.13 for 320,000 bytes, not {answer}")


async def check_two_bodies(client, at):
    """Two long bodies at once are never mixed."""
    bodies = [bytes([letter]) * 9000 for letter in b"ab"]
    answers = await asyncio.gather(
        *(ask(client, codes.PUT, at + "/kept", payload=body, request_tag=(body[:2],)) for body in bodies)
    )
    kept = (await ask(client, codes.GET, at + "/kept")).payload
    expect(kept in bodies, f"one of two bodies, not {set(kept)}")
    taken = [answer.code in (codes.CHANGED, codes.SERVICE_UNAVAILABLE, codes.REQUEST_ENTITY_INCOMPLETE) for answer in answers]
    expect(all(taken), f"each to be taken or refused for now, not {answers}")


async def check_refusals(client, at):
    wanted = {
        "/nowhere": codes.NOT_FOUND,
        "/refuses": codes.BAD_REQUEST,
        "/end": codes.METHOD_NOT_ALLOWED,
    }
    for path, code in wanted.items():
        answer = await ask(client, codes.GET, at + path)
        expect(answer.code == code and answer.payload, f"{code} with a sentence for {path}, not {answer}")
    expect((await ask(client, codes.GET, at + "/refuses")).payload == SENTENCE, "the sentence itself")
    answer = await ask(client, codes.GET, at + "/text", accept=ContentFormat.CBOR)
    expect(answer.code == codes.NOT_ACCEPTABLE, f"4.06, not {answer}")
    answer = await ask(client, codes.PUT, at + "/text", payload=b"x", content_format=ContentFormat.CBOR)
    expect(answer.code == codes.UNSUPPORTED_CONTENT_FORMAT, f"4.15, not {answer}")


async def check_separate(client, at):
    for code in codes.GET, codes.POST:
        answer = await ask(client, code, at + "/late")
        expect(answer.payload == b"it took a while", f"a separate answer, not {answer}")


async def collect(observation, seen):
    """What comes of an observation, into a queue; its end, too."""
    try:
        async for message in observation:
            seen.put_nowait(message)
    except aiocoap.error.Error as error:
        seen.put_nowait(error)


async def check_observing(client, at):
    """Long representations that change, a cancellation, and an end."""
    request = client.request(aiocoap.Message(code=codes.GET, uri=at + "/kept", observe=0))
    await asyncio.wait_for(request.response, 20)
    seen = asyncio.Queue()
    watching = asyncio.create_task(collect(request.observation, seen))
    for body in b"short", BODY[:3000], BODY[:100]:
        await ask(client, codes.PUT, at + "/kept", payload=body)
        told = (await asyncio.wait_for(seen.get(), 20)).payload
        expect(told == body, f"to be told {len(body)} bytes, not {len(told)}")
    request.observation.cancel()
    watching.cancel()
    await ask(client, codes.PUT, at + "/kept", payload=b"for nobody")
    await asyncio.sleep(0.2)
    expect(seen.empty(), "nothing after the cancellation")

    request = client.request(aiocoap.Message(code=codes.GET, uri=at + "/short-lived", observe=0))
    expect((await request.response).payload == b"short-lived", "what is observed")
    ended = asyncio.Queue()
    watching = asyncio.create_task(collect(request.observation, ended))
    await ask(client, codes.POST, at + "/end")
    last = await asyncio.wait_for(ended.get(), 20)
    expect(getattr(last, "code", None) == codes.NOT_FOUND, f"to be told of the end, not {last!r}")
    watching.cancel()


async def check_node():
    client = await aiocoap.Context.create_client_context()
    with Node() as node:
        await check_requests(client, node.at)
        await check_two_bodies(client, node.at)
        await check_refusals(client, node.at)
        await check_separate(client, node.at)
        await check_observing(client, node.at)
    await client.shutdown()


# ---- our client, aiocoap's server


class Kept(resource.ObservableResource):
    body, formats = b"", []

    async def render_get(self, request):
        return aiocoap.Message(payload=self.body)

    async def render_put(self, request):
        self.formats.append(request.opt.content_format)
        self.body = request.payload
        self.updated_state()
        return aiocoap.Message(code=codes.CHANGED)

    async def render_post(self, request):
        return aiocoap.Message(code=codes.CHANGED, payload=request.payload[::-1])


class Late(resource.Resource):
    async def render_get(self, request):
        await asyncio.sleep(0.5)
        return aiocoap.Message(payload=b"it took a while")


class Refuses(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(code=codes.BAD_REQUEST, payload=SENTENCE)


class Ends(resource.ObservableResource):
    """Observed, it ends after its first notification."""

    async def render_get(self, request):
        return aiocoap.Message(payload=b"for now")

    def update_observation_count(self, count):
        if count > 0:
            asyncio.get_running_loop().call_later(
                0.3, self.updated_state, aiocoap.Message(code=codes.NOT_FOUND, payload=b"it has ended")
            )


async def run(*words):
    process = await asyncio.create_subprocess_exec(
        LINUX + "/cli/tutti", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode, out, said


async def check_command(at, kept, scratch):
    with open(scratch + "/body", "wb") as file:
        file.write(BODY)
    code, out, said = await run("put", "--host", at + "/kept", scratch + "/body")
    expect(code == 0 and kept.body == BODY, f"40,000 bytes put, not {len(kept.body)}: {said}")
    code, out, said = await run("get", "--host", at + "/kept")
    expect(out.rstrip(b"\n") == BODY, f"40,000 bytes got, not {len(out)}: {said}")
    code, out, said = await run("post", "--host", "--format", "cbor", at + "/kept", scratch + "/body")
    expect(out.rstrip(b"\n") == BODY[::-1], f"a long answer to a long POST, not {len(out)} bytes: {said}")
    code, out, said = await run("put", "--host", at + "/kept", "--text", "few")
    expect(kept.body == b"few" and kept.formats == [ContentFormat.OCTETSTREAM, ContentFormat.TEXT], f"formats, not {kept.formats}")
    code, out, said = await run("get", "--host", at + "/late")
    expect(out.strip() == b"it took a while", f"a separate answer, not {out}{said}")
    code, out, said = await run("get", "--host", at + "/refuses")
    expect(code == 1 and b"4.00" in said and SENTENCE in said, f"its sentence, not {said}")
    code, out, said = await run("get", "--host", at + "/nowhere")
    expect(code == 1 and b"4.04" in said, f"4.04, not {said}")
    code, out, said = await run("get", "--host", at + "/.well-known/core")
    expect(b"</kept>" in out, f"its links, not {out}{said}")


async def check_command_observes(at, kept):
    watching = asyncio.create_task(run("observe", "--host", "--count", "3", at + "/kept"))
    for text in b"two", b"three", b"never":
        await asyncio.sleep(0.5)
        kept.body = text
        kept.updated_state()
    code, out, said = await watching
    expect(code == 0 and out.split() == [b"few", b"two", b"three"], f"three states, not {out}, {said}")
    await asyncio.sleep(0.3)
    expect(not kept._observations, "our cancellation to be heard")
    kept.body = BODY[:3000]  # it sends long notifications in one datagram, without blocks
    code, out, said = await run("observe", "--host", at + "/kept")
    expect(code == 1 and b"over a stated limit" in said, f"a notification of 3,000 bytes to be refused, not {out[:60]}, {said}")
    code, out, said = await run("observe", "--host", at + "/ends")
    expect(code == 1 and b"for now" in out and b"4.04" in said, f"an observation that ends, not {out} {said}")


async def check_server(scratch):
    site = resource.Site()
    kept = Kept()
    for path, it in (("kept", kept), ("late", Late()), ("refuses", Refuses()), ("ends", Ends())):
        site.add_resource([path], it)
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    server = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", PORT))
    at = f"coap://127.0.0.1:{PORT}"
    await check_command(at, kept, scratch)
    await check_command_observes(at, kept)
    await server.shutdown()


def main():
    if not namespace.inside():
        namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(check_node())
        asyncio.run(check_server(scratch))
    end()


main()
