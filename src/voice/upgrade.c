#include "voice/upgrade.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NONCE_BYTES = 16, NONCE_CHARS = 25 /* in base64, with its NUL */ };

static bool make_accept(const char *nonce, char accept[UPGRADE_ACCEPT_CHARS])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 section 1.3 */
    char text[NONCE_CHARS + sizeof guid];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;
    (void)snprintf(text, sizeof text, "%s%s", nonce, guid);
    return EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) == 1 &&
           EVP_EncodeBlock((uint8_t *)accept, digest, (int)len) == UPGRADE_ACCEPT_CHARS - 1;
}

int upgrade_request(const char *host, uint16_t port, const char *path, char **ret_request,
                    char ret_accept[UPGRADE_ACCEPT_CHARS])
{
    uint8_t nonce[NONCE_BYTES];
    char text[NONCE_CHARS];
    if (RAND_bytes(nonce, sizeof nonce) != 1 ||
        EVP_EncodeBlock((uint8_t *)text, nonce, sizeof nonce) != NONCE_CHARS - 1 ||
        !make_accept(text, ret_accept))
        return -EIO;
    bool bracketed = strchr(host, ':') != NULL;
    int n = asprintf(ret_request,
                     "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                     "Sec-WebSocket-Version: 13\r\nUser-Agent: tutti/" TUTTI_VERSION "\r\n\r\n",
                     path, bracketed ? "[" : "", host, bracketed ? "]" : "", (unsigned)port, text);
    if (n < 0)
        *ret_request = NULL;
    return n < 0 ? -ENOMEM : 0;
}

/* The value of a header, or NULL. It ends with the line. */
static const char *header(const char *head, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
    }
    return NULL;
}

/* Whether nothing but blanks stands between here and the end of the line. */
static bool ends_here(const char *at)
{
    return at[strspn(at, " \t")] == '\r';
}

bool upgrade_is_granted(const char *head, const char accept[UPGRADE_ACCEPT_CHARS], char *ret_why,
                        size_t why_size)
{
    static const char granted[] = "HTTP/1.1 101 ", protocol[] = "websocket";
    const char *upgrade = header(head, "Upgrade");
    const char *accepted = header(head, "Sec-WebSocket-Accept");
    if (strncmp(head, granted, sizeof granted - 1) != 0) {
        (void)snprintf(ret_why, why_size, "the voice server answers \"%.*s\"",
                       (int)strcspn(head, "\r\n"), head);
        return false;
    }
    if (!upgrade || strncasecmp(upgrade, protocol, sizeof protocol - 1) != 0 ||
        !ends_here(upgrade + sizeof protocol - 1) || !accepted ||
        strncmp(accepted, accept, UPGRADE_ACCEPT_CHARS - 1) != 0 ||
        !ends_here(accepted + UPGRADE_ACCEPT_CHARS - 1)) {
        (void)snprintf(ret_why, why_size, "the voice server does not speak WebSocket");
        return false;
    }
    return true;
}
