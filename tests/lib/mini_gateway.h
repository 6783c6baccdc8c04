/*
 * A voice gateway in a thread of the test: TLS with a certificate of its own for "localhost", the
 * upgrade to a WebSocket, and the conversation of version 8 as far as a client needs it. One
 * connection at a time; what it is to do besides is set in `mini_gateway` before a client connects.
 */
#ifndef TUTTI_TESTS_MINI_GATEWAY_H
#define TUTTI_TESTS_MINI_GATEWAY_H

#include "unit.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <sys/socket.h>

enum { MINI_TEXT = 0x81, MINI_BINARY = 0x82, MINI_CLOSE = 0x88, MINI_FRAME_MAX = 4096 };

#define MINI_KEY \
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32]"

static struct {
    int listener, udp;
    uint16_t port, udp_port;
    SSL_CTX *tls;
    pthread_t thread;
    char ca[TEST_DIR_BYTES + 16];
    /* what it does */
    unsigned close_code; /* sent in place of an answer to op 0 or op 7 */
    bool refuses;        /* to become a WebSocket */
    const char *extra;   /* a text sent once it is ready */
    /* what it saw */
    atomic_uint n_connections, n_identifies, n_resumes, n_selects, n_speaking, n_texts;
    atomic_bool is_over;
} mini_gateway;

static inline void mini_gateway_certificate(void)
{
    char dir[TEST_DIR_BYTES];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    test_dir_make(dir);
    (void)snprintf(mini_gateway.ca, sizeof mini_gateway.ca, "%s/ca.pem", dir);
    FILE *file = fopen(mini_gateway.ca, "w");
    assert_true(file && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    assert_int_equal(setenv("SSL_CERT_FILE", mini_gateway.ca, 1), 0);
    mini_gateway.tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(mini_gateway.tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(mini_gateway.tls, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void mini_gateway_frame(SSL *ssl, uint8_t kind, const void *bytes, size_t len)
{
    uint8_t frame[MINI_FRAME_MAX] = { kind, (uint8_t)(len < 126 ? len : 126) };
    size_t head = 2;
    if (len >= 126) {
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
        head = 4;
    }
    memcpy(frame + head, bytes, len);
    (void)SSL_write(ssl, frame, (int)(head + len));
}

static inline void mini_gateway_say(SSL *ssl, const char *text)
{
    mini_gateway_frame(ssl, MINI_TEXT, text, strlen(text));
}

static inline void mini_gateway_close(SSL *ssl, unsigned code)
{
    const uint8_t bytes[2] = { (uint8_t)(code >> 8), (uint8_t)code };
    mini_gateway_frame(ssl, MINI_CLOSE, bytes, sizeof bytes);
}

static inline bool mini_gateway_read(SSL *ssl, void *bytes, size_t len)
{
    size_t done = 0, n;
    while (done < len && SSL_read_ex(ssl, (char *)bytes + done, len - done, &n) == 1)
        done += n;
    return done == len;
}

static inline bool mini_gateway_upgrade(SSL *ssl)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char head[2048] = "", text[64], answer[256];
    uint8_t digest[EVP_MAX_MD_SIZE], accept[64];
    unsigned len;
    for (size_t n = 0; !strstr(head, "\r\n\r\n"); n++) {
        if (n == sizeof head - 1 || !mini_gateway_read(ssl, head + n, 1))
            return false;
    }
    const char *nonce = strstr(head, "Sec-WebSocket-Key: ");
    if (!nonce || mini_gateway.refuses) {
        (void)SSL_write(ssl, "HTTP/1.1 503 Busy\r\n\r\n", 21);
        return false;
    }
    (void)snprintf(text, sizeof text, "%.24s%s", nonce + 19, guid);
    (void)EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL);
    (void)EVP_EncodeBlock(accept, digest, (int)len);
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                     (char *)accept);
    return SSL_write(ssl, answer, n) == n;
}

static inline void mini_gateway_answer(SSL *ssl, const char *text)
{
    char answer[512];
    bool identifies = strstr(text, "\"op\":0,") != NULL;
    bool resumes = strstr(text, "\"op\":7,") != NULL;
    atomic_fetch_add(&mini_gateway.n_texts, 1);
    atomic_fetch_add(&mini_gateway.n_identifies, identifies);
    atomic_fetch_add(&mini_gateway.n_resumes, resumes);
    if ((identifies || resumes) && mini_gateway.close_code != 0) {
        mini_gateway_close(ssl, mini_gateway.close_code);
    } else if (identifies) {
        (void)snprintf(answer, sizeof answer,
                       "{\"op\":2,\"d\":{\"ssrc\":5,\"ip\":\"127.0.0.1\",\"port\":%u,\"modes\":"
                       "[\"aead_aes256_gcm_rtpsize\"]}}",
                       (unsigned)mini_gateway.udp_port);
        mini_gateway_say(ssl, answer);
    } else if (resumes) {
        mini_gateway_say(ssl, "{\"op\":9,\"d\":null}");
    } else if (strstr(text, "\"op\":1,")) {
        atomic_fetch_add(&mini_gateway.n_selects, 1);
        mini_gateway_say(ssl, "{\"op\":4,\"seq\":1,\"d\":{\"mode\":\"aead_aes256_gcm_rtpsize\","
                              "\"secret_key\":" MINI_KEY "}}");
        if (mini_gateway.extra)
            mini_gateway_say(ssl, mini_gateway.extra);
    } else if (strstr(text, "\"op\":3,")) {
        mini_gateway_say(ssl, "{\"op\":6,\"d\":{\"t\":1}}");
    } else if (strstr(text, "\"op\":5,")) {
        atomic_fetch_add(&mini_gateway.n_speaking, 1);
    }
}

/* Reads one masked frame. Returns false at the end of the connection. */
static inline bool mini_gateway_hear(SSL *ssl)
{
    uint8_t head[4], mask[4], bytes[MINI_FRAME_MAX + 1];
    if (!mini_gateway_read(ssl, head, 2))
        return false;
    size_t len = head[1] & 0x7f;
    if (len == 126) {
        if (!mini_gateway_read(ssl, head + 2, 2))
            return false;
        len = (size_t)(head[2] << 8 | head[3]);
    }
    if (len > MINI_FRAME_MAX || !mini_gateway_read(ssl, mask, 4) ||
        !mini_gateway_read(ssl, bytes, len))
        return false;
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= mask[i % 4];
    bytes[len] = '\0';
    if (head[0] == MINI_CLOSE)
        return false;
    mini_gateway_answer(ssl, (const char *)bytes);
    return true;
}

static inline void mini_gateway_discover(void)
{
    uint8_t p[128];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(mini_gateway.udp, p, sizeof p, MSG_DONTWAIT | MSG_PEEK,
                         (struct sockaddr *)&from, &len);
    if (n != 74 || p[1] != 1)
        return; /* sound: the test's */
    (void)recv(mini_gateway.udp, p, sizeof p, 0);
    p[1] = 2;
    (void)snprintf((char *)p + 8, 64, "192.0.2.1");
    p[72] = 1;
    (void)sendto(mini_gateway.udp, p, 74, 0, (struct sockaddr *)&from, len);
}

static inline void mini_gateway_serve(int fd)
{
    SSL *ssl = SSL_new(mini_gateway.tls);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && mini_gateway_upgrade(ssl)) {
        mini_gateway_say(ssl, "{\"op\":8,\"d\":{\"v\":8,\"heartbeat_interval\":5000}}");
        for (bool is_open = true; is_open && !atomic_load(&mini_gateway.is_over);) {
            struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                                   { .fd = mini_gateway.udp, .events = POLLIN } };
            (void)poll(p, mini_gateway.udp_port ? 2 : 1, 20);
            if (p[1].revents)
                mini_gateway_discover();
            if (p[0].revents || SSL_pending(ssl) > 0)
                is_open = mini_gateway_hear(ssl);
        }
    }
    SSL_free(ssl);
    (void)close(fd);
}

static inline void *mini_gateway_run(void *arg)
{
    int fd;
    while ((fd = accept(mini_gateway.listener, NULL, NULL)) >= 0) {
        atomic_fetch_add(&mini_gateway.n_connections, 1);
        mini_gateway_serve(fd);
    }
    return NULL;
}

static inline int mini_gateway_bind(int type, uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static inline void mini_gateway_begin(void)
{
    memset(&mini_gateway, 0, sizeof mini_gateway);
    mini_gateway_certificate();
    mini_gateway.listener = mini_gateway_bind(SOCK_STREAM, &mini_gateway.port);
    mini_gateway.udp = mini_gateway_bind(SOCK_DGRAM, &mini_gateway.udp_port);
    assert_int_equal(listen(mini_gateway.listener, 4), 0);
    assert_int_equal(pthread_create(&mini_gateway.thread, NULL, mini_gateway_run, NULL), 0);
}

static inline void mini_gateway_end(void)
{
    atomic_store(&mini_gateway.is_over, true);
    (void)shutdown(mini_gateway.listener, SHUT_RDWR);
    (void)pthread_join(mini_gateway.thread, NULL);
    (void)close(mini_gateway.listener);
    (void)close(mini_gateway.udp);
    SSL_CTX_free(mini_gateway.tls);
    (void)unlink(mini_gateway.ca);
    *strrchr(mini_gateway.ca, '/') = '\0';
    (void)rmdir(mini_gateway.ca);
}

#endif
