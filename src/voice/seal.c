#include "voice/seal.h"

#include "voice/rtp.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 16, NONCE_BYTES = 4, GCM_NONCE_BYTES = 12 };

_Static_assert(SEAL_OVERHEAD == RTP_HEADER_BYTES + TAG_BYTES + NONCE_BYTES, "as seal.h says");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TAG_BYTES, "the tag of either mode");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == VMSG_KEY_BYTES, "the key too");

struct seal {
    enum vmsg_mode mode;
    uint32_t ssrc;
    EVP_CIPHER_CTX *gcm; /* has the key; NULL in the other mode */
    uint8_t key[VMSG_KEY_BYTES];
};

/* Fetched once: looking a cipher up by its name takes longer than to encrypt a packet. */
static EVP_CIPHER *gcm_cipher;

const char *seal_mode_name(enum vmsg_mode mode)
{
    static const char *const names[VMSG_MODE_COUNT] = {
        [VMSG_AES256_GCM] = "aead_aes256_gcm_rtpsize",
        [VMSG_XCHACHA20_POLY1305] = "aead_xchacha20_poly1305_rtpsize",
    };
    assert(mode < VMSG_MODE_COUNT);
    return names[mode];
}

int seal_setup(void)
{
    if (!gcm_cipher)
        gcm_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    return gcm_cipher && sodium_init() >= 0 ? 0 : -ENOTSUP;
}

static int begin_gcm(struct seal *s)
{
    assert(gcm_cipher);
    s->gcm = EVP_CIPHER_CTX_new();
    if (!s->gcm)
        return -ENOMEM;
    return EVP_EncryptInit_ex(s->gcm, gcm_cipher, NULL, s->key, NULL) == 1 ? 0 : -ENOTSUP;
}

int seal_new(enum vmsg_mode mode, const uint8_t key[VMSG_KEY_BYTES], uint32_t ssrc,
             struct seal **ret_seal)
{
    struct seal *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->mode = mode;
    s->ssrc = ssrc;
    memcpy(s->key, key, sizeof s->key);
    int r = mode == VMSG_AES256_GCM ? begin_gcm(s) : 0;
    if (r < 0) {
        seal_free(s);
        return r;
    }
    *ret_seal = s;
    return 0;
}

void seal_free(struct seal *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->gcm);
    OPENSSL_cleanse(s, sizeof *s);
    free(s);
}

static bool run_gcm(struct seal *s, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *opus,
                    size_t len, uint8_t *packet)
{
    int n;
    uint8_t *body = packet + RTP_HEADER_BYTES;
    return EVP_EncryptInit_ex(s->gcm, NULL, NULL, NULL, nonce) == 1 &&
           EVP_EncryptUpdate(s->gcm, NULL, &n, packet, RTP_HEADER_BYTES) == 1 &&
           EVP_EncryptUpdate(s->gcm, body, &n, opus, (int)len) == 1 &&
           EVP_EncryptFinal_ex(s->gcm, body + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(s->gcm, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + len) == 1;
}

size_t seal_packet(struct seal *s, uint64_t tick, const uint8_t *opus, size_t len, uint8_t *out)
{
    assert(len > 0 && len <= VMSG_PACKET_MAX);
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {
        (uint8_t)(tick >> 24), (uint8_t)(tick >> 16), (uint8_t)(tick >> 8), (uint8_t)tick
    };
    rtp_write_header(out, tick, s->ssrc);
    if (s->mode == VMSG_AES256_GCM) {
        if (!run_gcm(s, nonce, opus, len, out))
            return 0;
    } else if (crypto_aead_xchacha20poly1305_ietf_encrypt(out + RTP_HEADER_BYTES, NULL, opus, len,
                                                          out, RTP_HEADER_BYTES, NULL, nonce,
                                                          s->key) != 0) {
        return 0;
    }
    memcpy(out + RTP_HEADER_BYTES + len + TAG_BYTES, nonce, NONCE_BYTES);
    return len + SEAL_OVERHEAD;
}
