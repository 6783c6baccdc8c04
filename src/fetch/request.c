#include "fetch/request.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "fetch/resolver.h"
#include "fetch/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REDIRECT_BODY_MAX = 65536, /* [bytes] read for the sake of the connection */
    /* What waits in the kernel while the reader is paused counts against a thousand sources. */
    RECEIVE_BUFFER_BYTES = 256 * 1024,
    WHY_MAX = 256,
    CURL_BUFFER_BYTES = 16384,
};

struct request {
    struct multi_job job; /* first: settle gets its address */
    const struct request_context *context;
    struct request_ops ops;
    char *url; /* of this hop */
    char *headers;
    struct jar *jar;
    struct target home; /* where the source's credentials may go */
    struct target target;
    int64_t from, end;
    bool icy, fresh, has_proxy;
    unsigned redirects;
    struct curl_slist *header_list;
    struct curl_slist *aliases;
    struct response response;
    size_t head_bytes, skipped_bytes;
    const char *refusal; /* what is wrong with its head; NULL: nothing */
    bool is_head_told, is_progress_due, is_aborted, is_paused;
    bool is_crowded_out; /* too many names are being resolved */
    enum { ADDRESS_UNSEEN, ADDRESS_FORBIDDEN, ADDRESS_PERMITTED } address; /* the best of them */
    char curl_error[CURL_ERROR_SIZE];
    char why[WHY_MAX];
};

static bool is_redirect(const struct request *r)
{
    unsigned s = r->response.status;
    return s == 301 || s == 302 || s == 303 || s == 307 || s == 308;
}

/* ---- called by curl ---- */

/* Returns what a callback returns to end the request. */
static size_t refuse(struct request *r, const char *why)
{
    r->refusal = why;
    return 0;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct request *r = arg;
    size_t len = size * n;
    r->head_bytes += len;
    if (r->head_bytes > REQUEST_HEAD_BYTES_MAX)
        return refuse(r, "the head of the answer is too long");
    if (r->is_head_told)
        return len; /* trailers */
    /* These curl undoes unasked, in whichever head of the request it finds them, and without end:
     * gzip makes a thousand bytes of one. Others are undone where there is room (content.h). */
    if (response_is_transfer_coded(bytes, len))
        return refuse(r, "the answer is encoded on its way");
    response_take_line(&r->response, bytes, len);
    jar_note_line(r->jar, bytes, len);
    bool is_last = len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
    if (!is_last || r->response.status < 200 || is_redirect(r))
        return len;
    r->is_head_told = r->is_progress_due = true;
    multi_touch(&r->job);
    if (r->ops.head(&r->response, r->ops.arg) < 0) {
        r->is_aborted = true;
        return 0;
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct request *r = arg;
    size_t len = size * n;
    if (!r->is_head_told) {
        r->skipped_bytes += len;
        return r->skipped_bytes > REDIRECT_BODY_MAX ? 0 : len;
    }
    if (len == 0)
        return 0;
    r->is_progress_due = true;
    multi_touch(&r->job);
    int taken = r->ops.data((const uint8_t *)bytes, len, r->ops.arg);
    r->is_aborted = taken < 0;
    r->is_paused = taken == 0;
    return taken > 0 ? len : taken == 0 ? CURL_WRITEFUNC_PAUSE : 0;
}

static int on_resolve(void *state, void *reserved, void *arg)
{
    struct request *r = arg;
    struct sockaddr_storage literal;
    bool is_name = r->has_proxy || !address_read_literal(r->target.host, &literal);
    r->is_crowded_out = is_name && resolver_count_running() >= r->context->names_max;
    return r->is_crowded_out;
}

/* Here, after all names are resolved, the address is decided about: what a name resolved to a
 * moment before does not matter. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct request *r = arg;
    if (!r->has_proxy &&
        !address_policy_permits(&r->context->policy, r->target.host, &address->addr)) {
        if (r->address == ADDRESS_UNSEEN)
            r->address = ADDRESS_FORBIDDEN;
        return CURL_SOCKET_BAD;
    }
    r->address = ADDRESS_PERMITTED;
    int sock = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (sock < r->context->descriptors_max)
        return sock;
    (void)close(sock);
    return CURL_SOCKET_BAD;
}

static int on_socket_made(void *arg, curl_socket_t sock, curlsocktype purpose)
{
    int size = RECEIVE_BUFFER_BYTES;
    (void)setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return CURL_SOCKOPT_OK;
}

/* ---- a hop ---- */

static bool is_at_home(const struct request *r)
{
    return target_is_same(&r->home, &r->target);
}

static int make_headers(struct request *r)
{
    char range[64] = "";
    const char *own[4] = { "Accept-Encoding: identity" };
    size_t n = 1;
    if (r->from >= 0 && r->end >= 0)
        (void)snprintf(range, sizeof range, "Range: bytes=%" PRId64 "-%" PRId64, r->from,
                       r->end - 1);
    else if (r->from >= 0)
        (void)snprintf(range, sizeof range, "Range: bytes=%" PRId64 "-", r->from);
    if (range[0])
        own[n++] = range;
    if (r->icy)
        own[n++] = "Icy-MetaData: 1";
    curl_slist_free_all(r->header_list);
    r->header_list = NULL;
    return target_make_headers(r->headers, is_at_home(r), own, &r->header_list);
}

static void set_options(struct request *r)
{
    CURL *e = r->job.easy;
    const struct request_context *c = r->context;
    const char *proxy = proxy_for(&c->proxies, r->target.is_https, r->target.host);
    r->has_proxy = proxy != NULL;
    (void)curl_easy_setopt(e, CURLOPT_URL, r->url);
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_PROXY, proxy ? proxy : "");
    (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    (void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->header_list);
    (void)curl_easy_setopt(e, CURLOPT_HTTP200ALIASES, r->aliases);
    (void)curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->connect_timeout_ms);
    (void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)CURL_BUFFER_BYTES);
    (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->curl_error);
    (void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    (void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* waits for no name that nobody wants */
    (void)curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    (void)curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, r);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
    (void)curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    if (c->ca_file)
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    if (c->ca_dir)
        (void)curl_easy_setopt(e, CURLOPT_CAPATH, c->ca_dir);
}

/* What servers have set is curl's affair. The source's own cookies stand in the same line. */
static int set_cookies(struct request *r)
{
    AUTO_FREE char *own = NULL;
    jar_join(r->jar, r->job.easy);
    int e = is_at_home(r) ? target_read_cookies(r->headers, &own) : 0;
    if (e == 0 && own && curl_easy_setopt(r->job.easy, CURLOPT_COOKIE, own) != CURLE_OK)
        e = -ENOMEM;
    return e;
}

static int start_hop(struct request *r)
{
    int e = target_read(r->url, &r->target);
    if (e == 0 && !address_policy_permits_host(&r->context->policy, r->target.host))
        e = -EACCES;
    if (e < 0)
        return e;
    response_init(&r->response);
    r->head_bytes = r->skipped_bytes = 0;
    r->refusal = NULL;
    r->address = ADDRESS_UNSEEN;
    r->is_crowded_out = false;
    r->curl_error[0] = '\0';
    e = make_headers(r);
    if (e < 0)
        return e;
    (void)curl_easy_setopt(r->job.easy, CURLOPT_COOKIEFILE, NULL); /* which a reset would leak */
    curl_easy_reset(r->job.easy);
    set_options(r);
    e = set_cookies(r);
    return e < 0 ? e : multi_add(&r->job);
}

/* ---- the end ---- */

static enum request_end end_of(const struct request *r)
{
    if (r->is_aborted)
        return REQUEST_ABORTED;
    if (r->address == ADDRESS_FORBIDDEN)
        return REQUEST_FORBIDDEN;
    if (r->is_crowded_out)
        return REQUEST_LOST;
    switch (r->job.result) {
    case CURLE_OK: /* for curl a head that breaks off is one, too */
        return r->is_head_told ? REQUEST_COMPLETE : REQUEST_LOST;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR: /* not by an op: see `refusal` */
    case CURLE_OUT_OF_MEMORY:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return REQUEST_REFUSED;
    default:
        return REQUEST_LOST;
    }
}

static void finish(struct request *r, enum request_end end, const char *detail)
{
    struct request_result result = { .end = end, .why = r->why };
    (void)snprintf(r->why, sizeof r->why, "%.100s: %.140s", r->target.host, detail);
    r->ops.done(&result, r->ops.arg); /* frees it */
}

static void finish_by_curl(struct request *r)
{
    enum request_end end = end_of(r);
    const char *detail = r->curl_error[0] ? r->curl_error : curl_easy_strerror(r->job.result);
    if (end == REQUEST_FORBIDDEN)
        detail = "its address is private";
    else if (r->is_crowded_out)
        detail = "too many names are being resolved";
    else if (r->job.result == CURLE_OK)
        detail = "the connection ended within the head of the answer";
    else if (r->refusal)
        detail = r->refusal;
    finish(r, end, detail);
}

static void follow(struct request *r)
{
    char *location = NULL;
    char *url = NULL;
    (void)curl_easy_getinfo(r->job.easy, CURLINFO_REDIRECT_URL, &location);
    if (!location || r->redirects >= REQUEST_REDIRECTS_MAX) {
        finish(r, REQUEST_REFUSED, location ? "too many redirects" : "a redirect to nowhere");
        return;
    }
    int e = target_redirect(r->url, location, &url);
    if (e == 0) {
        log_debug("fetch", "redirected to %s", url);
        multi_remove(&r->job);
        free(r->url);
        r->url = url;
        r->redirects++;
        e = start_hop(r);
    }
    if (e == -EACCES)
        finish(r, REQUEST_FORBIDDEN, "it may not be redirected there");
    else if (e < 0)
        finish(r, REQUEST_REFUSED, "a redirect that cannot be followed");
}

static void settle(struct multi_job *job)
{
    struct request *r = (struct request *)job;
    if (r->is_progress_due) {
        r->is_progress_due = false;
        /* If it is done as well: data first, then the end; unless the owner ends it meanwhile, in
         * which case it is not in the list any more, but gone. */
        if (job->is_done)
            multi_touch(job);
        r->ops.progress(r->ops.arg);
        return;
    }
    if (!job->is_done)
        return;
    if (!r->is_aborted && !r->refusal && is_redirect(r) && !r->is_head_told)
        follow(r);
    else
        finish_by_curl(r);
}

/* ---- the outside ---- */

int request_new(const struct request_context *context, const struct request_spec *spec,
                const struct request_ops *ops, struct request **ret_request)
{
    struct request *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->job.multi = context->multi;
    r->job.settle = settle;
    r->context = context;
    r->ops = *ops;
    r->from = spec->from;
    r->end = spec->end;
    r->icy = spec->icy;
    r->fresh = spec->fresh;
    r->jar = spec->jar;
    r->url = strdup(spec->url);
    r->headers = strdup(spec->headers ? spec->headers : "");
    r->aliases = curl_slist_append(NULL, "ICY ");
    r->job.easy = curl_easy_init();
    int e = r->url && r->headers && r->aliases && r->job.easy ? 0 : -ENOMEM;
    if (e == 0)
        e = target_read(spec->home, &r->home);
    if (e == 0)
        e = start_hop(r);
    if (e < 0) {
        request_free(r);
        return e;
    }
    *ret_request = r;
    return 0;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    multi_remove(&r->job);
    if (r->job.easy)
        curl_easy_cleanup(r->job.easy);
    curl_slist_free_all(r->header_list);
    curl_slist_free_all(r->aliases);
    free(r->url);
    free(r->headers);
    free(r);
}

void request_resume(struct request *r)
{
    if (!r->is_paused)
        return;
    r->is_paused = false;
    if (r->job.is_added && !r->job.is_done)
        (void)curl_easy_pause(r->job.easy, CURLPAUSE_CONT);
}

const char *request_url(const struct request *r)
{
    return r->url;
}
