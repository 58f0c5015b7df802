#!/usr/bin/env python3
"""Makes wechatpy_vectors.json: pushed events as an implementation that none of us wrote signs, encrypts and reads them.

    python3 -m venv DIR && DIR/bin/pip install wechatpy cryptography
    DIR/bin/python tests/it/python_peers/wechatpy_vectors.py            # writes the file beside this script
    DIR/bin/python tests/it/python_peers/wechatpy_vectors.py --check    # fails if it would write something else

Every `signature`, `msg_signature` and `Encrypt` is wechatpy's, and so is what the vectors say of an XML message's
sender, time and items; every encrypted body has been decrypted again by wechatpy. The file is the same on every run:
wechatpy's random prefix is seeded. The Rust test `event::tests::vectors` reads it.
"""

import json
import pathlib
import random
import sys
from urllib.parse import urlencode

from wechatpy import __version__ as wechatpy_version
from wechatpy import parse_message
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.replies import TextReply
from wechatpy.utils import WeChatSigner, check_signature, to_text

OUT = pathlib.Path(__file__).with_name("wechatpy_vectors.json")

NOW = 1764000000
TOKEN = "wxsubExampleToken7"
APPID = "wx0123456789abcdef"
OTHER_APPID = "wxfedcba9876543210"
OPENID = "o7esq5OI1Uej6Xixw1lA2H7XDVbc"
THING = "hD-ixGOhYmUfjOnI8MCzQMPshzGVeux_2vzyvQu7O68"
OTHER_THING = "9nLIlbOQZC5Y89AZteFEux3WCXRRRG5Wfzkpssu4bLI"
SYSTEM_TYPE = "SYS_MSG_TYPE_INTERACTIVE"

# The last character carries 4 bits of the key and 2 spare ones: zero only in A, E, I, M, Q, U, Y, c, g, k, o, s, w, 0, 4, 8.
KEYS = {
    "spare bits 00": "kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg",
    "spare bits 01": "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789aBcDeFh",
    "spare bits 10": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "spare bits 11": "0123456789012345678901234567890123456789013",
}


def signature(*parts):
    signer = WeChatSigner()
    signer.add_data(*parts)
    return signer.signature


# --- messages -------------------------------------------------------------------------------------------------------


def xml_message(event, parent, items, create_time, extra=""):
    def field(name, value):
        body = str(value) if isinstance(value, int) else "<![CDATA[%s]]>" % value
        return "<%s>%s</%s>" % (name, body, name)

    lists = "".join("<List>%s</List>" % "".join(field(n, v) for n, v in item.items()) for item in items)
    return (
        "<xml><ToUserName><![CDATA[gh_123456789abc]]></ToUserName>\n"
        "<FromUserName><![CDATA[%s]]></FromUserName>\n<CreateTime>%d</CreateTime>\n"
        "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[%s]]></Event>\n<%s>%s</%s>%s</xml>"
        % (OPENID, create_time, event, parent, lists, parent, extra)
    )


def json_message(event, name, items, create_time):
    return {
        "ToUserName": "gh_123456789abc",
        "FromUserName": OPENID,
        "CreateTime": create_time,
        "MsgType": "event",
        "Event": event,
        name: items,
    }


def accept(template, scene="0"):
    return {"TemplateId": template, "SubscribeStatusString": "accept", "PopupScene": scene}


def reject(template, scene="0"):
    return {"TemplateId": template, "SubscribeStatusString": "reject", "PopupScene": scene}


def off(template):
    return {"TemplateId": template, "SubscribeStatusString": "reject"}


def sent(template, msgid, code, status):
    return {"TemplateId": template, "MsgID": msgid, "ErrorCode": code, "ErrorStatus": status}


POPUP, CHANGE, SENT = "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"

XML = {
    "popup, one": xml_message(POPUP, "SubscribeMsgPopupEvent", [accept(THING)], NOW - 2),
    "popup, two": xml_message(POPUP, "SubscribeMsgPopupEvent", [accept(THING, 2), reject(OTHER_THING, 2)], NOW - 2),
    "change": xml_message(CHANGE, "SubscribeMsgChangeEvent", [off(THING), off(SYSTEM_TYPE)], NOW - 1),
    "change under the popup's name": xml_message(CHANGE, "SubscribeMsgPopupEvent", [off(THING)], NOW - 1),
    "sent": xml_message(SENT, "SubscribeMsgSentEvent", [sent(THING, 2794188253209100289, 0, "success")], NOW),
    "sent, failed, in Chinese": xml_message(
        SENT, "SubscribeMsgSentEvent", [sent(THING, "1700827132819554304", "43101", "用户拒收 & <订阅>消息 🎮")], NOW
    ),
}

JSON = {
    "popup, one": json_message(POPUP, "List", accept(THING), str(NOW - 2)),
    "popup, several": json_message(POPUP, "List", [accept(THING), reject(OTHER_THING), accept(SYSTEM_TYPE)], NOW - 2),
    "popup, under its name": json_message(POPUP, "SubscribeMsgPopupEvent", [accept(THING)], NOW - 2),
    "change, one": json_message(CHANGE, "List", off(THING), NOW - 1),
    "sent, strings": json_message(SENT, "List", sent(THING, "1864323726461255680", "0", "success"), str(NOW)),
    "sent, numbers, in Chinese": json_message(SENT, "List", [sent(THING, 1864323726461255680, 43101, "用户拒收")], NOW),
}


def expected(event, source, create_time, items):
    """What an event comes to; the items are wechatpy's, or JSON's own."""

    def change(item):
        out = {"kind": event.split("_")[2], "template_id": item["TemplateId"]}
        if event == SENT:
            out["msgid"] = int(item["MsgID"])
            out["error_code"] = int(item["ErrorCode"])
            out["error_status"] = item["ErrorStatus"]
        else:
            out["status"] = item["SubscribeStatusString"]
        return out

    items = items if isinstance(items, list) else [items]
    return {"kind": "event", "openid": source, "create_time_s": int(create_time), "changes": [change(i) for i in items]}


def expected_of_xml(xml):
    message = parse_message(xml)
    data = message._data
    (parent,) = [name for name in data if name.startswith("SubscribeMsg")]
    return expected(data["Event"], message.source, message.time, data[parent]["List"])


def expected_of_json(message):
    items = message.get("List") or message["SubscribeMsgPopupEvent"]
    return expected(message["Event"], message["FromUserName"], message["CreateTime"], items)


def to_json(message):
    return json.dumps(message, ensure_ascii=False)


# --- requests -------------------------------------------------------------------------------------------------------


class Case:
    """A request and what must become of it."""

    count = 0

    def __init__(self, name, expect, key=None, appid=APPID, timestamp=NOW, body="", query=None):
        Case.count += 1
        self.timestamp, self.nonce = str(timestamp), "nonce%d" % (1000 + Case.count)
        self.query = {
            "signature": signature(TOKEN, self.timestamp, self.nonce),
            "timestamp": self.timestamp,
            "nonce": self.nonce,
            **(query or {}),
        }
        self.out = {"name": name, "token": TOKEN, "aes_key": key, "appid": appid, "now_s": NOW}
        self.expect, self.body = expect, body
        check_signature(TOKEN, self.query["signature"], self.timestamp, self.nonce)

    def sealed(self, message, by_key, to_appid=APPID, plain=None, as_json=False):
        """With `message` in secure mode, or in mixed mode beside `plain`."""
        crypto = WeChatCrypto(TOKEN, by_key, to_appid)
        if as_json:
            encrypt = to_text(PrpCrypto(crypto.key).encrypt(message, to_appid))
            self.body = to_json({**(plain or {"ToUserName": "gh_123456789abc"}), "Encrypt": encrypt})
            own = signature(TOKEN, self.timestamp, self.nonce, encrypt)
            read = {"Encrypt": encrypt}
        else:
            xml = crypto.encrypt_message(message, self.nonce, self.timestamp)
            own = xml.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
            encrypt = xml.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
            read = xml
            self.body = xml
            if plain is not None:
                self.body = plain.replace("</xml>", "<Encrypt><![CDATA[%s]]></Encrypt></xml>" % encrypt)
        assert crypto.decrypt_message(read, own, self.timestamp, self.nonce) == message
        self.query.update({"openid": OPENID, "encrypt_type": "aes", "msg_signature": own})
        return self

    def done(self):
        return {**self.out, "query": urlencode(self.query), "body": self.body, "expect": self.expect}


def refused(why):
    return {"kind": "refused", "why": why}


def cases():
    keys = list(KEYS.items())
    yield Case("address check", {"kind": "echo", "text": "5940312834517368192"}, query={"echostr": "5940312834517368192"})
    yield Case(
        "address check, with a key", {"kind": "echo", "text": "ab+c/9=="}, key=keys[0][1], query={"echostr": "ab+c/9=="}
    )
    for name, message in XML.items():
        yield Case("plain XML: " + name, expected_of_xml(message), body=message)
    for name, message in JSON.items():
        yield Case("plain JSON: " + name, expected_of_json(message), body=to_json(message))
    for index, (name, message) in enumerate(XML.items()):
        kind, key = keys[index % len(keys)]
        case = Case("secure XML, %s: %s" % (kind, name), expected_of_xml(message), key=key)
        yield case.sealed(message, key)
    for index, (name, message) in enumerate(JSON.items()):
        kind, key = keys[index % len(keys)]
        case = Case("secure JSON, %s: %s" % (kind, name), expected_of_json(message), key=key)
        yield case.sealed(to_json(message), key, as_json=True)

    kind, key = keys[2]
    inner, outer = XML["popup, two"], XML["popup, one"]
    yield Case("mixed XML, key set: the encrypted part", expected_of_xml(inner), key=key).sealed(inner, key, plain=outer)
    yield Case("mixed XML, no key: the plain part", expected_of_xml(outer)).sealed(inner, key, plain=outer)
    inner, outer = JSON["popup, several"], JSON["popup, one"]
    sealed = {"by_key": key, "plain": outer, "as_json": True}
    yield Case("mixed JSON, key set: the encrypted part", expected_of_json(inner), key=key).sealed(to_json(inner), **sealed)
    yield Case("mixed JSON, no key: the plain part", expected_of_json(outer)).sealed(to_json(inner), **sealed)

    said = "在吗？<subscribe_msg_popup_event>"
    chat = TextReply(source="gh_123456789abc", target=OPENID, content=said, time=NOW).render()
    assert parse_message(chat).content == said
    yield Case("plain: a chat message is not ours", {"kind": "other"}, body=chat)
    yield Case("secure: a chat message is not ours", {"kind": "other"}, key=key).sealed(chat, key)
    for length in range(30, 64, 3):
        # Every remainder of the padding, the full block among them, comes by.
        text = to_json({"MsgType": "text", "Content": "x" * length})
        yield Case("padding: %d" % len(text), {"kind": "other"}, key=key).sealed(text, key, as_json=True)

    message = XML["popup, one"]
    yield Case("the last second of the window", expected_of_xml(message), body=message, timestamp=NOW - 300)
    yield Case("too old", refused("Stale"), body=message, timestamp=NOW - 301)
    yield Case("too new", refused("Stale"), body=message, timestamp=NOW + 301)
    yield Case("plaintext where a key is set", refused("Plaintext"), key=key, body=message)
    yield Case("encrypted where no key is set", refused("NoKey")).sealed(message, key)
    yield Case("encrypted with another key", refused("Undecryptable"), key=keys[0][1]).sealed(message, key)
    other = Case("for another appid", refused("OtherAppid"), key=key).sealed(message, key, to_appid=OTHER_APPID)
    try:
        own = other.query["msg_signature"]
        WeChatCrypto(TOKEN, key, APPID).decrypt_message(other.body, own, other.timestamp, other.nonce)
        raise AssertionError("wechatpy took another appid")
    except InvalidAppIdException:
        yield other
    forged = Case("signed with another token", refused("Signature"), body=message)
    forged.query["signature"] = signature("anotherToken", forged.timestamp, forged.nonce)
    try:
        check_signature(TOKEN, forged.query["signature"], forged.timestamp, forged.nonce)
        raise AssertionError("wechatpy took another token")
    except InvalidSignatureException:
        yield forged
    forged = Case("sealed with another token", refused("MsgSignature"), key=key).sealed(message, key)
    forged.query["msg_signature"] = signature("anotherToken", forged.timestamp, forged.nonce, "x")
    try:
        own = forged.query["msg_signature"]
        WeChatCrypto(TOKEN, key, APPID).decrypt_message(forged.body, own, forged.timestamp, forged.nonce)
        raise AssertionError("wechatpy took another msg_signature")
    except InvalidSignatureException:
        yield forged


def main():
    random.seed(7)
    for name, key in KEYS.items():
        spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(key[-1]) & 3
        assert len(key) == 43 and name == "spare bits {:02b}".format(spare), name
    vectors = {"peer": "wechatpy " + wechatpy_version, "cases": [case.done() for case in cases()]}
    text = json.dumps(vectors, ensure_ascii=False, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if OUT.read_text(encoding="utf-8") != text:
            sys.exit("%s is not what this script makes" % OUT)
    else:
        OUT.write_text(text, encoding="utf-8")
    print("%d vectors of %s" % (len(vectors["cases"]), vectors["peer"]))


if __name__ == "__main__":
    main()
