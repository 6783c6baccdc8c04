/* One implementation serves both module systems, so that there is one class of each name. */
import tutti from './index.js';
import voice from './voice.js';

voice.setVoiceLoader(() => import('@discordjs/voice'));

export const { TuttiClient, TuttiError, Player, Queue, VoiceCall } = tutti;
