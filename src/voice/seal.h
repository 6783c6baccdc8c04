/*
 * Encrypts RTP packets for a voice server, in Discord's two modes. A packet is
 *
 *   RTP header (12, authenticated) ‖ encrypted Opus packet ‖ tag (16) ‖ nonce (4)
 *
 * The whole nonce is those four bytes, then zeros: 12 bytes for AES-256-GCM, 24 for
 * XChaCha20-Poly1305 (IETF). It is the low 32 bits of the tick, which a key must not outlive.
 */
#ifndef TUTTI_VOICE_SEAL_H
#define TUTTI_VOICE_SEAL_H

#include "proto/vmsg.h"

#include <stddef.h>
#include <stdint.h>

enum { SEAL_OVERHEAD = 12 + 16 + 4 }; /* [bytes] that a packet is longer than its Opus packet */

struct seal;

/* Discord's name of a mode. */
const char *seal_mode_name(enum vmsg_mode mode);

/* Once a process, before any other: returns 0, or -ENOTSUP if a library does not have its cipher.
 */
int seal_setup(void);

/* Returns 0, -ENOMEM, or -ENOTSUP. */
int seal_new(enum vmsg_mode mode, const uint8_t key[VMSG_KEY_BYTES], uint32_t ssrc,
             struct seal **ret_seal);
void seal_free(struct seal *s); /* forgets the key */

/* rt: writes the packet of a tick into out[0..len + SEAL_OVERHEAD). Returns its length, or 0 if the
 * library failed. */
size_t seal_packet(struct seal *s, uint64_t tick, const uint8_t *opus, size_t len, uint8_t *out);

#endif
