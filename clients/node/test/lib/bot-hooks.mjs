/* --import this to run examples/bot.mjs without Discord: its `discord.js` becomes fake-discord.mjs. */
import { register } from 'node:module';

const hook = `
export function resolve(specifier, context, next) {
    if (specifier === 'discord.js' && context.parentURL.endsWith('/examples/bot.mjs'))
        return { url: ${JSON.stringify(new URL('fake-discord.mjs', import.meta.url).href)}, shortCircuit: true };
    return next(specifier, context);
}`;
register('data:text/javascript,' + encodeURIComponent(hook));
