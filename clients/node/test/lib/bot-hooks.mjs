/*
 * --import this to run an example bot without Discord: its `discord.js` becomes fake-discord.mjs, which sees
 * the same tutti-client as the bot.
 */
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';

const bot = JSON.stringify(pathToFileURL(process.argv[1]).href);
const fake = JSON.stringify(new URL('fake-discord.mjs', import.meta.url).href);
const hook = `
export function resolve(specifier, context, next) {
    if (specifier === 'discord.js' && context.parentURL === ${bot})
        return { url: ${fake}, shortCircuit: true };
    if (specifier === 'tutti-client' && context.parentURL === ${fake})
        return next(specifier, { ...context, parentURL: ${bot} });
    return next(specifier, context);
}`;
register('data:text/javascript,' + encodeURIComponent(hook));
