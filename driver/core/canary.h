/*
 * Planted bugs, compiled in only for the simulator's own build of the core
 * (TR_CANARIES): a simulation that does not find each of them is too weak.
 */
#ifndef TR_DRIVER_CORE_CANARY_H
#define TR_DRIVER_CORE_CANARY_H

enum tr_canary {
	TR_CANARY_NONE,
	TR_CANARY_LAUNCH_BEFORE_PLAN, /* lanes leave before plan(b) is stored */
	TR_CANARY_ACCEPT_OLD_TERM,    /* reports of an earlier term count */
	TR_CANARY_ACCEPT_STALE_ATTEMPT, /* so do those of lost attempts */
	TR_CANARY_FORGET_LOST_BLOCKS,   /* of a lost executor */
	TR_CANARY_FORGET_LOST_ATTEMPTS, /* of a lost executor */
	TR_CANARY_COMMIT_TWICE,
	TR_CANARY_COMMIT_EARLY,      /* one lane short */
	TR_CANARY_OVERSUBSCRIBE,     /* a killed attempt frees its slot */
	TR_CANARY_IGNORE_DIGEST,     /* versions of a lane may differ */
	TR_CANARY_ADOPT_OLD_VERSION, /* held output of replaced input */
	TR_CANARY_LEASE_FOREVER,
	TR_CANARY_REDUCE_EARLY,    /* before the last map lane is done */
	TR_CANARY_FORGET_FINISHED, /* a finished lane is not stored */
	TR_CANARIES_COUNT
};

#ifdef TR_CANARIES
extern enum tr_canary tr_canary_planted;
#define TR_CANARY(name) (tr_canary_planted == TR_CANARY_##name)
#else
#define TR_CANARY(name) (0)
#endif

#endif /* TR_DRIVER_CORE_CANARY_H */
