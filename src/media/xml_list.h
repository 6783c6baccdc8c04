/*
 * Lists that are XML: XSPF, ASX, SMIL and WPL, Winamp's B4S, and the episodes of an RSS feed.
 * libxml2 reads them, which libavformat brings along; no entity is expanded, nothing else is
 * opened, no tree is made. Many of those in the wild are not well-formed: they are read again as
 * HTML is. Pure.
 */
#ifndef TUTTI_MEDIA_XML_LIST_H
#define TUTTI_MEDIA_XML_LIST_H

#include <stddef.h>

/* Called with each name of a medium in the order of the list, as it is written there, trimmed. */
typedef void (*xml_list_fn)(const char *name, void *arg);

void xml_list_read(const char *text, size_t len, xml_list_fn fn, void *arg);

#endif
