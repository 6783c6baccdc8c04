/* All is in types.d.ts; this gives it the types of @discordjs/voice as of `require`. */
// @ts-ignore: @discordjs/voice is optional; without it these types are `any`.
import type { AudioPlayer, AudioResource, PlayerSubscription, VoiceConnection } from '@discordjs/voice';
import * as all from './types.js';

export * from './types.js';

interface DiscordVoice {
    AudioPlayer: AudioPlayer;
    AudioResource: AudioResource;
    PlayerSubscription: PlayerSubscription;
    VoiceConnection: VoiceConnection;
}

/** The connection of a bot to the daemon. */
export class TuttiClient extends all.TuttiClient<DiscordVoice> {
    /** Starts a private daemon and connects to it; close() ends both. */
    static spawn(options?: all.SpawnOptions): Promise<TuttiClient>;
}

/** One channel. */
export type Player = all.Player<DiscordVoice>;
export const Player: typeof all.Player;
