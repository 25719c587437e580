/*
 * Every limit of the system in one place. A queue, buffer, batch, message or
 * retry without a line here is a bug. Sizes are bytes, times milliseconds,
 * unless the name says otherwise. docs/limits.md explains the ones that users
 * meet.
 */
#ifndef TR_COMMON_BASE_BOUNDS_H
#define TR_COMMON_BASE_BOUNDS_H

#include <assert.h>
#include <stdint.h>

#define TR_KIB(n) ((uint64_t)(n) << 10)
#define TR_MIB(n) ((uint64_t)(n) << 20)
#define TR_GIB(n) ((uint64_t)(n) << 30)

/* Wire. A frame is header, protobuf body and raw payload. */
#define TR_FRAME_MAX                TR_MIB(16)
#define TR_FRAME_BEFORE_HELLO_MAX   TR_KIB(64)
#define TR_FRAME_BODY_MAX           TR_MIB(8)
#define TR_UNPACK_MEMORY_MAX        TR_MIB(64)
#define TR_CONN_OUTPUT_QUEUE_MAX    TR_MIB(64)
#define TR_CONN_MAX                 4096u
#define TR_CONN_UNAUTHENTICATED_MAX 256u
#define TR_CONN_INBOX_MAX           TR_MIB(4) /* received, not yet freed */
#define TR_CONN_RECV_BUFFER         TR_KIB(16)
#define TR_CONN_LINGER_MS           1000u
#define TR_DIAL_TIMEOUT_MS          5000u
#define TR_HELLO_DEADLINE_MS        5000u
#define TR_HEARTBEAT_MS_MAX         1000u
#define TR_LEASE_MS_DEFAULT         3000u
#define TR_LEASE_MS_MIN             300u
#define TR_TOKEN_MAX                128u
#define TR_NAME_MAX                 128u

/* Data. */
#define TR_KEY_MAX           TR_MIB(1)
#define TR_VALUE_MAX         TR_MIB(8)
#define TR_KEY_DATUM_MAX     (TR_KEY_MAX + 1)   /* encoded: one tag more */
#define TR_VALUE_DATUM_MAX   (TR_VALUE_MAX + 1) /* likewise */
#define TR_DATUM_DEPTH_MAX   32u
#define TR_ELEMENT_MAX       (TR_KEY_DATUM_MAX + TR_VALUE_DATUM_MAX + 10)
#define TR_BLOCK_CHUNK_MAX   TR_MIB(1)
#define TR_LOG_LINE_MAX      TR_KIB(4)
#define TR_JOB_LOG_LINES_MAX 10000u

/* Cluster. */
#define TR_EXECUTORS_MAX          1024u
#define TR_SLOTS_PER_EXECUTOR_MAX 256u
#define TR_JOBS_ACTIVE_MAX        256u
#define TR_STAGES_MAX             64u
#define TR_OPERATORS_MAX          256u
#define TR_LANES_MAX              262144u  /* of one stage */
#define TR_TASKS_MAX              1048576u /* of all active jobs */
#define TR_REDUCE_LANES_MAX       1024u
#define TR_TOPIC_NAME_MAX         249u
#define TR_TABLE_NAME_MAX         127u
#define TR_POSITION_MAX           (TR_TOPIC_NAME_MAX + 64) /* as text */
#define TR_ARTEFACT_MAX           TR_MIB(8)
#define TR_JOB_ARGS_MAX           256u

/* Driver. */
#define TR_ATTEMPTS_KEPT         8u /* of one lane, for the task table */
#define TR_PLAN_THREADS          4u
#define TR_READ_THREADS          2u
#define TR_PLAN_QUEUE_MAX        512u
#define TR_DRY_RUNS_MAX          64u
#define TR_PLAN_STOP_MS          500u /* then a plan under way is given up */
#define TR_READ_QUEUE_MAX        1024u
#define TR_WATCHES_MAX           1024u
#define TR_WATCH_INTERVAL_MS_MIN 20u
#define TR_SHOW_ROWS_MAX         10000u /* lanes in one job show */
#define TR_DRAINED_MAX           64u    /* processes remembered as leaving */
#define TR_SCAN_REPLY_MAX        TR_MIB(4)

/* The command line. */
#define TR_CLIENT_RECONNECT_MS 600000u /* a waiting client for its driver */

/* Planning. */
#define TR_PLAN_WORKER_MEMORY      TR_MIB(256)
#define TR_RANGE_RECORDS_MIN       50000u   /* smaller ranges are not split */
#define TR_RANGE_RECORDS_MAX       4000000u /* unless --max-range says so */
#define TR_RANGES_PER_SLOT         8u
#define TR_REDUCE_RECORDS_PER_LANE 20000u
#define TR_PLAN_NOTES_MAX          100u
#define TR_PLAN_BYTES_MAX          TR_MIB(32) /* of one stored plan */
#define TR_OFFSETS_TEXT_MAX        512u       /* of a span, not of JSON */

/* User code. */
#define TR_USER_MEMORY_MIN TR_MIB(4) /* of a script's heap */
#define TR_PRINT_ROWS_MAX  10000u    /* of print{limit=} and print{top=} */

/* Workers. Of the budget, the process may map this much more for libraries,
 * stacks and what malloc does not give back. */
#define TR_WORKER_MEMORY_DEFAULT  TR_MIB(256)
#define TR_WORKER_MEMORY_HEADROOM TR_MIB(256)
#define TR_TASK_LOG_LINES_MAX     1000u

/* Retry. */
#define TR_ATTEMPTS_PER_TASK      4u /* failures, not losses */
#define TR_LOSSES_PER_TASK        16u
#define TR_WORKER_DEATHS_PER_TASK 3u    /* then the task is held to blame */
#define TR_RECOVER_GRACE_MS       1000u /* for executors to come back */
#define TR_EXECUTOR_FAILURES_MAX  8u    /* of one job, then excluded for it */
#define TR_RETRY_BACKOFF_MS_MIN   100u
#define TR_RETRY_BACKOFF_MS_MAX   10000u

/* Kafka. librdkafka's read-ahead costs 4.5 times its size in small records. */
#define TR_KAFKA_PROPS_MAX          256u
#define TR_KAFKA_PROP_MAX           TR_KIB(4)
#define TR_KAFKA_SECRET_MAX         TR_KIB(64)
#define TR_KAFKA_ASK_MS             8000u /* one question, retries included */
#define TR_KAFKA_ALL_DOWN_MS        3000u /* no broker so long: say so */
#define TR_KAFKA_ASK_PARTITIONS_MAX 1000u /* of one request */
#define TR_READER_WINDOW_DEFAULT    TR_MIB(64)
#define TR_READER_WINDOW_MIN        TR_MIB(4)
#define TR_READER_BATCH_RECORDS     1024u
#define TR_READER_STALL_MS          30000u
#define TR_READER_TOPICS_MAX        1024u

/* The driver's store. LMDB 0.9.24 leaks pages in transactions over 512 MB of
 * dirty pages; a map is address space, doubled when it is full. */
#define TR_KV_MAP_DEFAULT      TR_GIB(1)
#define TR_KV_MAP_MAX          (TR_GIB(1) << 12)
#define TR_KV_GROUP_ROWS       16384u /* long keys sorted at a time */
#define TR_STORE_TXN_BYTES_MAX TR_MIB(64)
#define TR_STORE_ROW_BYTES     32u       /* of a row, beside key and value */
#define TR_STORE_STEP_BYTES    TR_MIB(4) /* of one step of maintenance */
#define TR_STORE_STEP_ROWS     20000u    /* likewise */
#define TR_STORE_ENVS_OPEN_MAX 64u
#define TR_STORE_PAGE_ROWS     1000u /* of one read of tasks or log lines */
#define TR_STORE_LAYERS_MAX    8u    /* of an upsert table, then folded */
#define TR_STORE_SNAPSHOTS     2u    /* commits of a table that can be read */
#define TR_STORE_BATCHES_KEPT  64u   /* plans and history of one job */
#define TR_JOBS_ENDED_MAX      200u  /* kept for people, then removed */

/* Executor. */
#define TR_EXECUTOR_TASKS_MAX 65536u     /* attempts, finished ones included */
#define TR_EXECUTOR_FILES     4096u      /* descriptors, if allowed */
#define TR_WORKER_MEMORY_BASE TR_MIB(64) /* of a worker beside its budgets */
#define TR_WORKER_FRAMES      16u        /* read from one worker at a time */
#define TR_WORKER_BYTES       TR_MIB(4)  /* likewise */
#define TR_WORKER_LEFT_FRAMES 4096u      /* read from one that has ended */
#define TR_WORKER_LEFT_BYTES  TR_MIB(32) /* likewise */
#define TR_WATCH_MS           100u       /* between looks at workers */
#define TR_UPLINK_WINDOW      TR_MIB(4)  /* sent to the driver, not drained */
#define TR_LEAVE_MS           2000u      /* for the last words to the driver */
#define TR_FETCH_TASK_MAX     TR_GIB(64) /* remote blocks of one task */
#define TR_FETCH_PER_PEER     8u         /* requests outstanding */
#define TR_FETCH_TRIES        4u         /* connections without one answer */
#define TR_FETCH_DIALS        2u         /* dials that failed */
#define TR_FETCH_BACKOFF_MS   50u        /* doubled each time */
#define TR_FETCH_SILENCE_MS   5000u      /* of a peer that owes an answer */
#define TR_PEER_IDLE_MS       30000u     /* then a peer is hung up on */
#define TR_SPOOL_DEPTH_MAX    16u        /* of folders that are removed */
#define TR_SERVE_REQUESTS_MAX 16u        /* of one peer, waiting */
#define TR_SERVE_CONN_BYTES   TR_MIB(4)  /* to one peer, not drained */
#define TR_SERVE_BYTES_MAX    TR_MIB(64) /* to all */
#define TR_SERVE_STALL_MS     20000u     /* until a peer has drained */

static_assert(TR_FRAME_BODY_MAX < TR_FRAME_MAX, "a body fits its frame");
static_assert(
	TR_ELEMENT_MAX < TR_FRAME_MAX, "the largest element fits a frame");
static_assert(TR_WORKER_LEFT_BYTES >= 2 * TR_FRAME_MAX,
	"what a socket can hold of a worker that has ended is read");
static_assert(TR_EXECUTOR_FILES >
		      3 * TR_SLOTS_PER_EXECUTOR_MAX + 2 * TR_EXECUTORS_MAX + 64,
	"an executor has descriptors for its slots and all others");
static_assert(TR_FETCH_PER_PEER <= TR_SERVE_REQUESTS_MAX,
	"a fetching executor stays within what a serving one accepts");
static_assert(
	TR_BLOCK_CHUNK_MAX <= TR_SERVE_CONN_BYTES, "an answer fits its window");
static_assert(TR_FRAME_MAX < TR_CONN_OUTPUT_QUEUE_MAX,
	"the largest frame fits an output queue");
static_assert(TR_CONN_RECV_BUFFER < TR_FRAME_BEFORE_HELLO_MAX,
	"an idle connection holds less than a first frame");
static_assert(TR_JOBS_ACTIVE_MAX + TR_DRY_RUNS_MAX <= TR_PLAN_QUEUE_MAX,
	"dry runs leave room for the plans of jobs");
static_assert(TR_PLAN_BYTES_MAX < TR_STORE_TXN_BYTES_MAX,
	"the largest plan can be stored");
static_assert(TR_LEASE_MS_DEFAULT > 2 * TR_HEARTBEAT_MS_MAX,
	"one lost heartbeat is no lost executor");

#endif /* TR_COMMON_BASE_BOUNDS_H */
