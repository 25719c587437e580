/*
 * What time does to a connection: the deadlines of Hello, of silence and of
 * lingering. Times come from the loop's scans only; what the library's threads
 * saw since the last scan is passed in as facts. Receive timeouts of the
 * library are not used: on a TLS stream they tear the connection down.
 *
 * Thread: the owner's (a connection's lock). Pure.
 */
#ifndef TR_COMMON_NET_DEADLINE_H
#define TR_COMMON_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct tr_deadline { /* zeroed: not scanned yet, no idle deadline */
	bool started;
	uint64_t start_ms;
	uint64_t last_rx_ms;
	uint64_t finish_ms; /* 0 until a scan has seen `finishing` */
	uint32_t idle_ms;   /* 0: none */
};

struct tr_deadline_facts {
	bool received; /* bytes, since the last scan */
	bool paused;   /* this side is not reading */
	bool waiting;  /* frames of it have not been looked at by the loop */
	bool authenticated;
	bool finishing;
	uint32_t hello_ms;
	uint32_t linger_ms;
};

enum tr_deadline_verdict {
	TR_DEADLINE_NONE,
	TR_DEADLINE_HELLO,
	TR_DEADLINE_IDLE,
	TR_DEADLINE_LINGER,
};

/* Which deadline has passed. *next: when to look again, or UINT64_MAX. */
enum tr_deadline_verdict tr_deadline_check(struct tr_deadline *d,
	const struct tr_deadline_facts *facts, uint64_t now_ms, uint64_t *next);

#endif /* TR_COMMON_NET_DEADLINE_H */
