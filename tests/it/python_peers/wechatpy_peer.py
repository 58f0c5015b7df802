#!/usr/bin/env python3
"""wechatpy as the other side, live. tests/it/peers.rs runs it; one JSON a line, in and out.

    wechatpy_peer.py open    reads requests as WeChat pushes them, and tells what wechatpy finds in them
    wechatpy_peer.py make    reads {"now": unix seconds}, and tells stories: requests that wechatpy made, and the counts
                             that the player must have after each
"""

import json
import sys
from urllib.parse import parse_qs

from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import TextReply
from wechatpy.utils import check_signature
from wechatpy_vectors import (
    APPID, CHANGE, KEYS, OPENID, OTHER_APPID, OTHER_THING, POPUP, SENT, THING, TOKEN, Case, accept, json_message, off,
    reject, sent, to_json, xml_message,
)

PARENTS = {POPUP: "SubscribeMsgPopupEvent", CHANGE: "SubscribeMsgChangeEvent", SENT: "SubscribeMsgSentEvent"}


# --- open -----------------------------------------------------------------------------------------------------------


def opened(request):
    """What is in a request; wechatpy's exceptions end the program."""
    query = {name: values[0] for name, values in parse_qs(request["query"], keep_blank_values=True).items()}
    signed = (query["timestamp"], query["nonce"])
    check_signature(request["token"], query["signature"], *signed)
    body = request["body"]
    if not body:
        return {"echostr": query["echostr"]}
    is_xml = body.startswith("<")
    if "msg_signature" in query:
        crypto = WeChatCrypto(request["token"], request["aes_key"], request["appid"])
        body = crypto.decrypt_message(body if is_xml else json.loads(body), query["msg_signature"], *signed)
    data = parse_message(body)._data if is_xml else json.loads(body)
    found = data
    if "List" not in data:
        (parent,) = [name for name in data if name.startswith("SubscribeMsg")]
        found = data[parent] if "List" in data[parent] else {"List": data[parent]}
    items = found["List"] if isinstance(found["List"], list) else [found["List"]]
    return {
        "event": data["Event"],
        "openid": data["FromUserName"],
        "create_time": str(data["CreateTime"]),
        "items": [{name: str(value) for name, value in item.items()} for item in items],
    }


# --- make -----------------------------------------------------------------------------------------------------------


class Story:
    """Requests in one mode, format and key, in their order, to a client that has counted nothing yet."""

    def __init__(self, mode, as_json, key, now):
        self.mode, self.as_json, self.key, self.now = mode, as_json, key, now
        self.steps = []

    def message(self, event, items, create_time):
        if self.as_json:
            return json_message(event, "List", items[0] if len(items) == 1 else items, create_time)
        return xml_message(event, PARENTS[event], items, create_time)

    def request(self, message, **sealed):
        case = Case("", None, key=self.key, timestamp=self.now)
        if self.mode == "plain":
            case.body = to_json(message) if isinstance(message, dict) else message
        else:
            plain = message if self.mode == "mixed" else None
            as_json = isinstance(message, dict)
            text = to_json(message) if as_json else message
            case.sealed(text, sealed.get("by_key", self.key), sealed.get("to_appid", APPID), plain, as_json)
        made = case.done()
        return {"query": made["query"], "body": made["body"]}

    def step(self, what, request, counts):
        """`counts` of THING and OTHER_THING after it; None: it must be refused and change nothing."""
        self.steps.append({"what": what, **request, "counts": counts})

    def told(self):
        def event(event, items, ago):
            return self.request(self.message(event, items, self.now - ago))

        first = event(POPUP, [accept(THING), accept(OTHER_THING)], 200)
        self.step("two accepts", first, [1, 1])
        self.step("one accept", event(POPUP, [accept(THING)], 199), [2, 1])
        self.step("the first again", first, [2, 1])
        self.step("the first, signed and sealed anew", event(POPUP, [accept(THING), accept(OTHER_THING)], 200), [2, 1])
        self.step("delivered", event(SENT, [sent(THING, 2794188253209100289, 0, "success")], 0), [2, 1])
        self.step("refused, of an unknown send", event(SENT, [sent(THING, "7", "43101", "用户拒收 & <消息>")], 0), [2, 1])
        self.step("one refusal", event(POPUP, [reject(OTHER_THING)], 0), [2, 0])
        self.step("off in the settings", event(CHANGE, [off(THING), off(OTHER_THING)], 0), [0, 0])
        chat = TextReply(source="gh_123456789abc", target=OPENID, content="在吗？", time=self.now).render()
        if not self.as_json:
            self.step("a chat message", self.request(chat), [0, 0])
        again = event(POPUP, [accept(THING)], 1)
        forged = {**again, "query": again["query"].replace("signature=", "signature=0", 1)}
        self.step("forged", forged, None)
        if self.mode != "plain":
            message = self.message(POPUP, [accept(THING)], self.now - 1)
            self.step("to another appid", self.request(message, to_appid=OTHER_APPID), None)
            other_key = next(key for key in KEYS.values() if key != self.key)
            self.step("by another key", self.request(message, by_key=other_key), None)
        self.step("the genuine one after all", again, [1, 0])
        return {
            "name": "%s, %s, key %s" % (self.mode, "JSON" if self.as_json else "XML", self.key),
            "token": TOKEN,
            "appid": APPID,
            "aes_key": self.key,
            "openid": OPENID,
            "templates": [THING, OTHER_THING],
            "steps": self.steps,
        }


def stories(now):
    for as_json in (False, True):
        yield Story("plain", as_json, None, now)
        for key in KEYS.values():
            for mode in ("secure", "mixed"):
                yield Story(mode, as_json, key, now)


def main():
    for line in sys.stdin:
        told = json.loads(line)
        if sys.argv[1] == "open":
            print(json.dumps(opened(told)))
        else:
            for story in stories(told["now"]):
                print(json.dumps(story.told()))


if __name__ == "__main__":
    main()
