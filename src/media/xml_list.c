#include "media/xml_list.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NAME_BYTES_MAX = 8192,
    NAMES_MAX = 64, /* of which somebody else takes the first ones */
};

struct xml_reader {
    xmlParserCtxt *parser;
    char *names[NAMES_MAX];
    size_t n_names;
    bool is_text;              /* inside an element whose text is a name */
    char text[NAME_BYTES_MAX]; /* of it so far */
    size_t text_len;
};

static const char *local(const xmlChar *name)
{
    const char *colon = strrchr((const char *)name, ':');
    return colon ? colon + 1 : (const char *)name;
}

static void keep(struct xml_reader *r, const char *name, size_t len)
{
    while (len > 0 && isspace((unsigned char)*name)) {
        name++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)name[len - 1]))
        len--;
    if (len > 0 && len < NAME_BYTES_MAX && r->n_names < NAMES_MAX)
        r->names[r->n_names] = strndup(name, len);
    if (r->n_names < NAMES_MAX && r->names[r->n_names])
        r->n_names++;
}

static const char *attribute(const xmlChar **attributes, const char *name)
{
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (strcasecmp(local(attributes[i]), name) == 0)
            return (const char *)attributes[i + 1];
    }
    return NULL;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar **attributes)
{
    static const struct {
        const char *element, *attribute;
    } rules[] = {
        { "ref", "href" },         { "entryref", "href" }, { "media", "src" },
        { "audio", "src" },        { "video", "src" },     { "ref", "src" },
        { "entry", "playstring" }, { "enclosure", "url" },
    };
    struct xml_reader *r = arg;
    const char *element = local(name);
    const char *type = attribute(attributes, "type");
    r->is_text = strcasecmp(element, "location") == 0;
    r->text_len = 0;
    if (type && strncasecmp(type, "image/", 6) == 0)
        return;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *value = strcasecmp(element, rules[i].element) == 0
                                ? attribute(attributes, rules[i].attribute)
                                : NULL;
        if (value)
            keep(r, value, strlen(value));
    }
}

static void on_text(void *arg, const xmlChar *text, int len)
{
    struct xml_reader *r = arg;
    size_t n = len > 0 ? (size_t)len : 0;
    if (!r->is_text || n > sizeof r->text - r->text_len)
        r->is_text = false;
    else
        memcpy(r->text + r->text_len, text, n);
    r->text_len += r->is_text ? n : 0;
}

static void on_end(void *arg, const xmlChar *name)
{
    struct xml_reader *r = arg;
    if (r->is_text)
        keep(r, r->text, r->text_len);
    r->is_text = false;
}

/* Those of XML itself; what a document declares is never looked up, for a few of them can make a
 * text without end. */
static xmlEntity *on_entity(void *arg, const xmlChar *name)
{
    return xmlGetPredefinedEntity(name);
}

static void on_declaration(void *arg, const xmlChar *name, int type, const xmlChar *public_id,
                           const xmlChar *system_id, xmlChar *content)
{
    struct xml_reader *r = arg;
    xmlStopParser(r->parser);
}

static void start_over(struct xml_reader *r)
{
    while (r->n_names > 0)
        free(r->names[--r->n_names]);
    r->is_text = false;
}

/* What a text says of its letters is not followed: converters would be loaded from files. */
static bool read_xml(struct xml_reader *r, const char *text, size_t len)
{
    xmlSAXHandler sax = { .startElement = on_start,
                          .endElement = on_end,
                          .characters = on_text,
                          .cdataBlock = on_text,
                          .getEntity = on_entity,
                          .entityDecl = on_declaration };
    r->parser = xmlCreatePushParserCtxt(&sax, r, NULL, 0, NULL);
    if (!r->parser)
        return false;
    (void)xmlCtxtUseOptions(r->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOERROR |
                                           XML_PARSE_NOWARNING);
    bool ok = xmlParseChunk(r->parser, text, (int)len, 1) == 0 && r->parser->wellFormed;
    xmlFreeDoc(r->parser->myDoc);
    xmlFreeParserCtxt(r->parser);
    return ok;
}

static void read_html(struct xml_reader *r, const char *text, size_t len)
{
    htmlSAXHandler sax = {
        .startElement = on_start, .endElement = on_end, .characters = on_text, .cdataBlock = on_text
    };
    r->parser = htmlCreatePushParserCtxt(&sax, r, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (!r->parser)
        return;
    (void)htmlCtxtUseOptions(r->parser, HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC |
                                            HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
    (void)htmlParseChunk(r->parser, text, (int)len, 1);
    xmlFreeDoc(r->parser->myDoc);
    htmlFreeParserCtxt(r->parser);
}

void xml_list_read(const char *text, size_t len, xml_list_fn fn, void *arg)
{
    struct xml_reader *r = calloc(1, sizeof *r);
    if (!r)
        return;
    if (!read_xml(r, text, len)) {
        start_over(r);
        read_html(r, text, len);
    }
    for (size_t i = 0; i < r->n_names; i++)
        fn(r->names[i], arg);
    start_over(r);
    free(r);
}
