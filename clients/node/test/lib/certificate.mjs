/* A self-signed certificate for localhost, written out in DER: no openssl is needed to run the tests. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag, ...parts) {
    const body = Buffer.concat(parts);
    if (body.length < 0x80)
        return Buffer.concat([Buffer.from([tag, body.length]), body]);
    const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex');
    return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const utcTime = (date) => der(0x17, Buffer.from(date.toISOString().replace(/[-:T]/g, '').slice(2, 14) + 'Z'));
const pem = (label, body) => `-----BEGIN ${label}-----\n${body.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END ${label}-----\n`;

/** Returns { key, cert } in PEM, good for a day. */
export function makeCertificate() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const algorithm = der(SEQUENCE, oid('2a8648ce3d040302')); /* ecdsa-with-SHA256 */
    const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid('550403'), der(0x0c, Buffer.from('localhost')))));
    const now = Date.now();
    const extensions = der(SEQUENCE,
        der(SEQUENCE, oid('551d11'), der(0x04, der(SEQUENCE, der(0x82, Buffer.from('localhost'))))),
        der(SEQUENCE, oid('551d13'), der(0x01, Buffer.from([0xff])), der(0x04, der(SEQUENCE, der(0x01, Buffer.from([0xff]))))));
    const body = der(SEQUENCE,
        der(0xa0, der(0x02, Buffer.from([2]))),
        der(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
        algorithm, name,
        der(SEQUENCE, utcTime(new Date(now - 3_600_000)), utcTime(new Date(now + 86_400_000))),
        name, publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, extensions));
    const signature = sign('sha256', body, privateKey);
    const cert = der(SEQUENCE, body, algorithm, der(0x03, Buffer.from([0]), signature));
    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pem('CERTIFICATE', cert) };
}
