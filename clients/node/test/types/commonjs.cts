/* The same declarations through require(). */
import tutti = require('tutti-client');

const client: tutti.TuttiClient = new tutti.TuttiClient();
client.player('1').setVolume(1).then(({ level }) => level.toFixed());
client.once('connected', ({ id }: tutti.ConnectedEvent) => id.length);
