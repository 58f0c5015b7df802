"""A game server for the console's tests: one call a line on stdin, one answer a line on stdout."""

import json
import sys

import wxsub


def call(client, name, args):
    if name == "report":
        openid, template_id, answer = args
        return client.report(openid, template_id, wxsub.Answer[answer.upper()]).status.c_name
    if name == "send":
        message, options = args
        return client.try_send(message, **options).status.c_name
    if name == "store":
        message, options = args
        client.submit(message, **options)
        return client.poll(1, 20.0)[0].status.c_name
    if name == "admin":
        return client.admin(args[0])
    raise ValueError(name)


def main():
    with wxsub.Client(json.loads(sys.argv[1])) as client:
        for line in sys.stdin:
            name, *args = json.loads(line)
            try:
                answer = {"result": call(client, name, args)}
            except Exception as why:  # noqa: BLE001 - the test is told
                answer = {"error": str(why)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
