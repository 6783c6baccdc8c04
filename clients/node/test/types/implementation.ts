/* What is declared is what is there: the implementation's own types fit the declared ones. */
import * as declared from '../../lib/index.js';
import { TuttiClient } from '../../lib/client.js';
import { Player } from '../../lib/player.js';
import { VoiceCall } from '../../lib/call.js';
import { TuttiError } from '../../lib/errors.js';

export const client: Omit<declared.TuttiClient, keyof import('node:events').EventEmitter | 'player' | 'players' | 'calls' | 'connect'> = new TuttiClient();
export const player: Omit<declared.Player, keyof import('node:events').EventEmitter> = null as unknown as Player;
export const call: Omit<declared.VoiceCall, keyof import('node:events').EventEmitter> = null as unknown as VoiceCall;
export const error: declared.TuttiError = new TuttiError('x', 'y');
export const made: Pick<declared.Player, keyof Player & keyof declared.Player & ('play' | 'seek' | 'resource')> = new TuttiClient().player('1');
