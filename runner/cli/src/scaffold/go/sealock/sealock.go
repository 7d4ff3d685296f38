// Package sealock is what a Go step needs of `sealock:step` and `wasi:http`, by the Canonical ABI: the host's
// functions are imports, texts are pointer and length, and what does not fit into one value is written to a place that
// the caller names. Interfaces that are not here are declared in the same way.
package sealock

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Level is how much a line matters.
type Level uint32

// The levels, in the host's order.
const (
	Trace Level = iota
	Debug
	Info
	Notice
	Warning
	Error
)

// Ended is how a step ended.
type Ended struct {
	outcome uint8
	why     string
}

// Success is what a step returns that did what it is for.
func Success() Ended { return Ended{} }

// Skipped is what a step returns that had nothing to do.
func Skipped(why string) Ended { return Ended{outcome: 1, why: why} }

// Failed is what a step returns that says no.
func Failed(why string) Ended { return Ended{outcome: 2, why: why} }

// ErrDenied is what a call comes to that nobody granted.
var ErrDenied = errors.New("it is not granted")

// Run is the step; set it in an init function.
var Run func() Ended

const (
	valueText    = 0
	valueInteger = 2
)

// `option<value>`: the value's kind and payload eight bytes apart.
type maybeValue struct {
	isSome  uint64
	kind    uint8
	_       [7]uint8
	payload [2]uint32
}

// `result<_, error>`: whether it is one, and the error.
type result struct {
	isError uint32
	error   [44]uint8
}

//go:wasmimport sealock:step/inputs@0.1.0 get
func inputsGet(name string, value unsafe.Pointer)

//go:wasmimport sealock:step/outputs@0.1.0 set
func outputsSet(name string, kind uint32, first uint64, second uint32, result unsafe.Pointer)

//go:wasmimport sealock:step/log@0.1.0 emit
func logEmit(level uint32, message string)

//go:wasmimport sealock:step/log@0.1.0 annotate
func logAnnotate(level uint32, message string, hasTitle uint32, title string, hasPlace uint32, file string, line,
	hasColumn, column, hasEndLine, endLine, hasEndColumn, endColumn uint32)

func input(name string, kind uint8) (maybeValue, bool) {
	var value maybeValue
	inputsGet(name, unsafe.Pointer(&value))
	return value, uint8(value.isSome) != 0 && value.kind == kind
}

// InputText is an input that is a text, and whether it was given.
func InputText(name string) (string, bool) {
	value, found := input(name, valueText)
	if !found {
		return "", false
	}
	return strings.Clone(unsafe.String((*byte)(pointer(value.payload[0])), value.payload[1])), true
}

// InputInteger is an input that is a whole number, and whether it was given.
func InputInteger(name string) (int64, bool) {
	value, found := input(name, valueInteger)
	return int64(uint64(value.payload[0]) | uint64(value.payload[1])<<32), found
}

// OutputInteger sets an output, and says whether the manifest has it.
func OutputInteger(name string, value int64) bool {
	var told result
	outputsSet(name, valueInteger, uint64(value), 0, unsafe.Pointer(&told))
	return uint8(told.isError) == 0
}

// Log writes one line.
func Log(level Level, message string) { logEmit(uint32(level), message) }

// Annotate shows something at a line of a file, counted from 1.
func Annotate(level Level, message, file string, line uint32) {
	logAnnotate(uint32(level), message, 0, "", 1, file, line, 0, 0, 0, 0, 0, 0)
}

//go:wasmimport wasi:http/types@0.2.6 [constructor]fields
func fieldsNew() uint32

//go:wasmimport wasi:http/types@0.2.6 [constructor]outgoing-request
func requestNew(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.6 [method]outgoing-request.set-method
func setMethod(request, method uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.6 [method]outgoing-request.set-scheme
func setScheme(request, isSome, scheme uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.6 [method]outgoing-request.set-authority
func setAuthority(request, isSome uint32, authority string) uint32

//go:wasmimport wasi:http/types@0.2.6 [method]outgoing-request.set-path-with-query
func setPath(request, isSome uint32, path string) uint32

//go:wasmimport wasi:http/outgoing-handler@0.2.6 handle
func handle(request, hasOptions, options uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.6 [method]future-incoming-response.subscribe
func subscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.6 [method]future-incoming-response.get
func futureGet(future uint32, answer unsafe.Pointer)

//go:wasmimport wasi:io/poll@0.2.6 [method]pollable.block
func block(pollable uint32)

//go:wasmimport wasi:http/types@0.2.6 [method]incoming-response.status
func responseStatus(response uint32) uint32

const (
	methodPost    = 2
	requestDenied = 15
)

// Three nested results and an error's kind, each eight bytes further on.
type answer [12]uint64

func (a *answer) kind(at int) uint8    { return uint8(a[at]) }
func (a *answer) handle(at int) uint32 { return uint32(a[at]) }

func refused(url string, kind uint8) error {
	if kind == requestDenied {
		return fmt.Errorf("%s: %w", url, ErrDenied)
	}
	return fmt.Errorf("%s does not answer (wasi:http error %d)", url, kind)
}

// Post sends a request without a body and returns the answer's status.
func Post(url string) (uint16, error) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found || (scheme != "http" && scheme != "https") {
		return 0, fmt.Errorf("%s has no scheme that can be asked", url)
	}
	authority, path, _ := strings.Cut(rest, "/")
	var kind uint32
	if scheme == "https" {
		kind = 1
	}
	request := requestNew(fieldsNew())
	setMethod(request, methodPost, "")
	setScheme(request, 1, kind, "")
	setAuthority(request, 1, authority)
	setPath(request, 1, "/"+path)

	var sent, got answer
	handle(request, 0, 0, unsafe.Pointer(&sent))
	if sent.kind(0) != 0 {
		return 0, refused(url, sent.kind(1))
	}
	future := sent.handle(1)
	block(subscribe(future))
	futureGet(future, unsafe.Pointer(&got))
	if got.kind(0) == 0 || got.kind(1) != 0 {
		return 0, fmt.Errorf("%s: the answer was taken twice", url)
	}
	if got.kind(2) != 0 {
		return 0, refused(url, got.kind(3))
	}
	return uint16(responseStatus(got.handle(3))), nil
}

// `result<outcome, error>`.
var returned struct {
	isError uint32
	outcome uint32
	why     uint32
	length  uint32
	rest    [32]uint8
	kept    string
}

//go:wasmexport sealock:step/step@0.1.0#run
func exportedRun() uint32 {
	ended := Run()
	returned.kept = ended.why
	returned.outcome = uint32(ended.outcome)
	returned.why = uint32(uintptr(unsafe.Pointer(unsafe.StringData(ended.why))))
	returned.length = uint32(len(ended.why))
	return uint32(uintptr(unsafe.Pointer(&returned)))
}

// pointer is a place in the memory that the host named: a number to Go, which owns none of it.
func pointer(place uint32) unsafe.Pointer {
	at := uintptr(place)
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}
