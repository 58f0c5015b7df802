package main

// #cgo LDFLAGS: -lwxsub
// #include <stdlib.h>
// #include "wxsub.h"
import "C"

import (
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// Result is what became of a report or a message: wxsub_result in Go's types.
type Result struct {
	Status, Errcode, Retry, Quota  int32
	Remaining, MsgID               int64
	Tag                            uint64
	Flags                          uint32
	RetryAfter                     time.Duration
	Name, TemplateID, Key, Message string
}

// The statuses and answers that the example needs; wxsub.h has them all.
const (
	OK      = C.WXSUB_OK
	NoQuota = C.WXSUB_E_NO_QUOTA
	Accept  = C.WXSUB_ACCEPT
)

// Client is for any number of goroutines. While they wait for a result, none of them holds a thread.
type Client struct {
	handle  *C.wxsub_client
	mutex   sync.Mutex
	waiting map[C.uint64_t]chan Result
	ended   chan struct{}
}

// Open opens a client with the configuration that wxsub.h describes at wxsub_init.
func Open(config string) (*Client, error) {
	if C.wxsub_abi() < C.WXSUB_ABI {
		return nil, fmt.Errorf("the libwxsub that was loaded is older than the wxsub.h of this build")
	}
	c := &Client{waiting: map[C.uint64_t]chan Result{}, ended: make(chan struct{})}
	text, why := C.CString(config), C.wxsub_result{struct_size: C.sizeof_wxsub_result}
	defer C.free(unsafe.Pointer(text))
	if status := C.wxsub_init(text, &c.handle, &why); status != OK {
		return nil, fmt.Errorf("%s: %s", C.GoString(C.wxsub_status_name(status)), C.GoString(&why.message[0]))
	}
	go func() {
		for c.take(1000) >= 0 {
		}
		close(c.ended)
	}()
	return c, nil
}

// Close lets what was submitted end for up to three seconds, hands out its results, and frees the client.
func (c *Client) Close() {
	C.wxsub_shutdown(c.handle, 3000, nil)
	for c.take(0) > 0 {
	}
	C.wxsub_free(c.handle)
	<-c.ended
}

// Report tells what a player answered; an accept is on disk when its result says OK.
func (c *Client) Report(openid, template string, answer int32, key string) <-chan Result {
	o, t, k := C.CString(openid), C.CString(template), C.CString(key)
	defer C.free(unsafe.Pointer(o))
	defer C.free(unsafe.Pointer(t))
	defer C.free(unsafe.Pointer(k))
	return c.submit(func(ticket *C.uint64_t, why *C.wxsub_result) C.wxsub_status {
		return C.wxsub_submit_report(c.handle, o, t, C.int32_t(answer), k, 0, ticket, why)
	})
}

// Send sends a message with the options (JSON, may be empty) that wxsub.h describes at wxsub_submit.
func (c *Client) Send(message, options string) <-chan Result {
	m, o := C.CString(message), C.CString(options)
	defer C.free(unsafe.Pointer(m))
	defer C.free(unsafe.Pointer(o))
	return c.submit(func(ticket *C.uint64_t, why *C.wxsub_result) C.wxsub_status {
		return C.wxsub_submit(c.handle, m, o, ticket, why)
	})
}

func (c *Client) submit(call func(*C.uint64_t, *C.wxsub_result) C.wxsub_status) <-chan Result {
	answer, ticket, why := make(chan Result, 1), C.uint64_t(0), C.wxsub_result{struct_size: C.sizeof_wxsub_result}
	c.mutex.Lock() // over the call, so that nobody looks for its ticket before it is known
	defer c.mutex.Unlock()
	if call(&ticket, &why) != OK { // WXSUB_E_QUEUE_FULL: again later
		answer <- inGo(&why)
	} else {
		c.waiting[ticket] = answer
	}
	return answer
}

// Hands out results; -1 when the client was freed.
func (c *Client) take(wait C.uint32_t) int {
	results, count := [32]C.wxsub_result{{struct_size: C.sizeof_wxsub_result}}, C.size_t(0)
	if C.wxsub_poll(c.handle, &results[0], C.size_t(len(results)), wait, &count) != OK {
		return -1
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := range results[:count] {
		if answer, ours := c.waiting[results[i].ticket]; ours { // outcomes of durable messages have no ticket
			answer <- inGo(&results[i])
			delete(c.waiting, results[i].ticket)
		}
	}
	return int(count)
}

func inGo(r *C.wxsub_result) Result {
	return Result{
		Status: int32(r.status), Errcode: int32(r.errcode), Retry: int32(r.retry), Quota: int32(r.quota),
		Remaining: int64(r.remaining), MsgID: int64(r.msgid), Tag: uint64(r.tag), Flags: uint32(r.flags),
		RetryAfter: time.Duration(r.retry_after_ms) * time.Millisecond,
		Name:       C.GoString(C.wxsub_status_name(r.status)), TemplateID: C.GoString(&r.template_id[0]),
		Key: C.GoString(&r.key[0]), Message: C.GoString(&r.message[0]),
	}
}
