/* Waiting for what happens, with a deadline; never for luck. */

/** Resolves with the next `event` of an emitter that fulfils `matches`. */
export function next(emitter, event, matches = () => true, milliseconds = 10_000) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => done(reject, new Error(`no ${event} within ${milliseconds} ms`)), milliseconds);
        const onEvent = (value) => matches(value) && done(resolve, value);
        function done(settle, value) {
            clearTimeout(timer);
            emitter.removeListener(event, onEvent);
            settle(value);
        }
        emitter.on(event, onEvent);
    });
}

/** Resolves when `holds()` is true, looked at every few milliseconds. */
export async function until(holds, what = 'the condition', milliseconds = 10_000) {
    for (const end = Date.now() + milliseconds; !await holds();) {
        if (Date.now() > end)
            throw new Error(`${what} did not come true within ${milliseconds} ms`);
        await sleep(5);
    }
}

export function sleep(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads a stream as an AudioPlayer does, a packet every `period` milliseconds, until stop(). */
export function readAtPace(stream, period = 20) {
    const packets = [];
    let missed = 0;
    const timer = setInterval(() => {
        const packet = stream.read();
        if (packet)
            packets.push(packet);
        else
            missed++;
    }, period);
    return { packets, get missed() { return missed; }, stop: () => clearInterval(timer) };
}

/** Reads `count` packets of a stream as fast as they come. */
export async function readPackets(stream, count, milliseconds = 10_000) {
    const packets = [];
    await until(() => {
        for (let packet; packets.length < count && (packet = stream.read());)
            packets.push(packet);
        return packets.length >= count || stream.readableEnded || stream.destroyed;
    }, `${count} packets`, milliseconds);
    return packets;
}
