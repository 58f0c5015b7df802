"""Awaiting results: many tasks, cancellation, and every way to leave."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import unittest
from typing import Any, Awaitable, Callable, Dict, List
from unittest import mock

import support
import wxsub
from support import TEMPLATE, message, sim
from wxsub import Answer, AsyncClient, Client, Result, Status


def refuse(_: Client) -> int:
    """As where there is no descriptor to wait for."""
    raise wxsub.InternalError(Result(Status.INTERNAL, "not here"))


class Awaiting(support.SimCase):
    def both_ways(self, test: Callable[[], Awaitable[None]]) -> None:
        """Runs it with a descriptor and with a thread; twice, as a second loop must find all in order."""
        for _ in range(2):
            asyncio.run(self.within_a_minute(test), debug=True)
        with mock.patch.object(Client, "poll_handle", refuse):
            asyncio.run(self.within_a_minute(test), debug=True)
        self.assertNotIn("wxsub-poll", [thread.name for thread in threading.enumerate()])

    async def within_a_minute(self, test: Callable[[], Awaitable[None]]) -> None:
        asyncio.get_running_loop().slow_callback_duration = 30  # a busy machine is no news
        await asyncio.wait_for(test(), 60)

    async def close(self, client: Client) -> None:
        """Without holding up the loop: running sends have a second to end."""
        await asyncio.get_running_loop().run_in_executor(None, client.close)

    async def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            await asyncio.sleep(0.01)

    def test_many_tasks_get_each_its_own(self) -> None:
        async def test() -> None:
            client = self.client(workers=8, durability="normal")
            others: List[Result] = []
            async with AsyncClient(client, others.append) as game:

                async def one(number: int) -> None:
                    openid = self.player(grants=0)
                    if number % 2:
                        sim("grant", {"openid": openid, "template_id": TEMPLATE, "n": 1})
                        accepted = await game.submit_report(openid, TEMPLATE, Answer.ACCEPT, tag=number)
                        self.assertEqual((accepted.remaining, accepted.tag), (1, number))
                        sent = await game.submit(message(openid), key=f"k{number}", tag=number)
                        self.assertEqual((sent.status, sent.tag, sent.key), (Status.OK, number, f"k{number}"))
                    else:
                        with self.assertRaises(wxsub.NoQuota) as caught:
                            await game.submit(message(openid), tag=number)
                        self.assertEqual(caught.exception.result.tag, number)

                await asyncio.gather(*(one(number) for number in range(100)))
                self.assertEqual(game.waiting, 0)
            self.assertEqual(others, [])
            await self.close(client)

        self.both_ways(test)

    def test_what_nobody_awaits_goes_to_the_others(self) -> None:
        async def test() -> None:
            client = self.client()
            others: List[Result] = []
            async with AsyncClient(client, others.append) as game:
                openid = self.player(client)
                stored = await game.submit(message(openid), durable=True, key="k", tag=5)
                self.assertTrue(stored.stored)
                ticket = client.submit(message(openid))
                await self.until(lambda: len(others) == 2)
            self.assertEqual({result.ticket for result in others}, {0, ticket})
            self.assertEqual([result.tag for result in others if result.outcome], [5])
            await self.close(client)

        self.both_ways(test)

    def test_what_others_raises_goes_to_the_loop(self) -> None:
        async def test() -> None:
            client = self.client()
            told: List[Dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
            async with AsyncClient(client, lambda result: 1 / 0) as game:
                client.submit(message("o"))
                await self.until(lambda: told)
                with self.assertRaises(wxsub.NoQuota):
                    await game.submit(message("o"))
            self.assertIsInstance(told[0]["exception"], ZeroDivisionError)
            await self.close(client)

        self.both_ways(test)

    def test_a_cancelled_task_leaves_its_message_alone(self) -> None:
        async def test() -> None:
            client = self.client(timeout_ms=20000)
            others: List[Result] = []
            async with AsyncClient(client, others.append) as game:
                await self.warm(client, game)
                openid, other = self.player(client), self.player(client)
                self.trouble(openid, "delay", delay_ms=600)
                task = asyncio.ensure_future(game.submit(message(openid), tag=1))
                await asyncio.sleep(0)
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(game.submit(message(openid), tag=2), 0.1)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertEqual((await game.submit(message(other))).status, Status.OK)
                await self.until(lambda: len(others) == 2)
            self.assertEqual([(r.tag, r.status) for r in others], [(1, Status.OK), (2, Status.NO_QUOTA)])
            self.assertEqual(len(self.delivered(openid)), 1)
            await self.close(client)

        self.both_ways(test)

    async def warm(self, client: Client, game: AsyncClient) -> None:
        """The token is there after it."""
        await game.submit(message(self.player(client)))

    async def stalled(self, client: Client, game: AsyncClient) -> "asyncio.Future[Result]":
        """A task whose message WeChat never answers."""
        await self.warm(client, game)
        openid = self.player(client)
        self.trouble(openid, "stall")
        task = asyncio.ensure_future(game.submit(message(openid)))
        await self.until(lambda: sim("requests", openid=openid))
        self.assertEqual(game.waiting, 1)
        return task

    async def ends_maybe(self, task: "asyncio.Future[Result]") -> None:
        with self.assertRaises(wxsub.MaybeSent) as caught:
            await asyncio.wait_for(task, 10)
        self.assertGreater(caught.exception.result.ticket, 0)
        self.assertTrue(str(caught.exception))

    def test_leaving_ends_all_waiting(self) -> None:
        async def test() -> None:
            client = self.client(timeout_ms=30000)
            async with AsyncClient(client) as game:
                task = await self.stalled(client, game)
            await self.ends_maybe(task)
            self.assertEqual(game.waiting, 0)
            await self.close(client)

        self.both_ways(test)

    def test_closing_the_client_ends_all_waiting(self) -> None:
        async def test() -> None:
            client = self.client(timeout_ms=30000)
            async with AsyncClient(client) as game:
                task = await self.stalled(client, game)
                client.close(wait=False)
                await self.ends_maybe(task)
                self.assertEqual(game._handle, -1, "a closed client's descriptor would be ready for ever")
                with self.assertRaises(wxsub.ClosedError):
                    await game.submit(message("o"))

        self.both_ways(test)

    def test_a_shutdown_gives_each_its_verdict(self) -> None:
        async def test() -> None:
            client = self.client(timeout_ms=30000, workers=1)
            async with AsyncClient(client) as game:
                task = await self.stalled(client, game)
                behind = asyncio.ensure_future(game.submit(message(self.player(client))))
                await asyncio.sleep(0)
                await asyncio.get_running_loop().run_in_executor(None, client.shutdown, 0.05)
                await self.ends_maybe(task)
                with self.assertRaises(wxsub.Cancelled):
                    await behind
            await self.close(client)

        self.both_ways(test)

    def test_an_exception_within_leaves_too(self) -> None:
        async def test() -> None:
            client = self.client(timeout_ms=30000)
            with self.assertRaises(ZeroDivisionError):
                async with AsyncClient(client) as game:
                    task = await self.stalled(client, game)
                    raise ZeroDivisionError
            await self.ends_maybe(task)
            await self.close(client)

        self.both_ways(test)


class Misuse(support.Case):
    def test_outside_of_its_block_it_does_not_work(self) -> None:
        client = self.offline()
        game = AsyncClient(client)

        async def test() -> None:
            with self.assertRaises(RuntimeError):
                await game.submit_report("o", "T", Answer.ACCEPT)
            async with game:
                await game.submit_report("o", "T", Answer.ACCEPT)
                with self.assertRaises(RuntimeError):
                    await game.__aenter__()
            with self.assertRaises(RuntimeError):
                await game.submit(message("o"))
            client.close()
            with self.assertRaises(wxsub.ClosedError):
                async with AsyncClient(client):
                    pass

        asyncio.run(test())

    def test_what_is_not_submitted_raises_at_once(self) -> None:
        async def test() -> None:
            async with AsyncClient(self.offline(queue_capacity=1)) as game:
                with self.assertRaises(wxsub.InvalidArgument):
                    await game.submit("nonsense")
                with self.assertRaises(ValueError):
                    await game.submit(message("o", count=float("nan")))
                tasks = [asyncio.ensure_future(game.submit_report("o", "T", Answer.ACCEPT)) for _ in range(2)]
                done = await asyncio.gather(*tasks, return_exceptions=True)
                self.assertEqual(getattr(done[0], "remaining", None), 1)
                self.assertIsInstance(done[1], wxsub.QueueFull)

        asyncio.run(test())

    @unittest.skipUnless(sys.platform == "linux", "only Linux has the descriptor")
    def test_the_loop_sleeps_while_there_is_nothing(self) -> None:
        async def test() -> None:
            client = self.offline()
            async with AsyncClient(client):
                with mock.patch.object(client, "poll", wraps=client.poll) as polls:
                    await asyncio.sleep(0.5)
                    self.assertEqual(polls.call_count, 0)

        began = time.process_time()
        asyncio.run(test())
        self.assertLess(time.process_time() - began, 0.3)


if __name__ == "__main__":
    unittest.main()
