'use strict';

const { TuttiClient } = require('./client.js');
const { VoiceCall } = require('./call.js');
const { TuttiError } = require('./errors.js');
const { Player } = require('./player.js');
const { Queue } = require('./queue.js');

module.exports = { TuttiClient, TuttiError, Player, Queue, VoiceCall };
