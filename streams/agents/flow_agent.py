"""The agent of a flow. All eleven are alike: what differs between flows is the contract and the rules."""

import faust
from faust.types import ChannelT, StreamT

from schemas.identifiers import Flow
from streams.agents.taking import Taking
from streams.batch import Batch
from streams.handover import IN_CHANNEL


def add_flow_agent(app: faust.App, flow: Flow, taking: Taking) -> ChannelT:
    """Give the app an agent that takes this flow's batches one by one; return the channel that feeds it."""
    channel = app.channel(maxsize=IN_CHANNEL)

    async def take_batches(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            await taking.take(batch)

    app.agent(channel, name=f"agent of {flow}")(take_batches)
    return channel
