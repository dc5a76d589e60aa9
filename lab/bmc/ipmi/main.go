// A BMC that speaks IPMI 2.0 for one machine of lab/bmc/machine.py: go-ipmi's server, with that machine as its hardware.
//
//	ipmi <settings      JSON: see settings
//
// What it was told is written down, a line for each change. `misbehaves` has what makers' BMCs do:
// forgets (boot flags), keeps (them after a start), deaf (the machine's start does not heed them), slow-start (the first "on" does
// nothing), stays-off, stays-on, hangs (30 s before each answer), busy (another session has the console, and cannot be sent away).
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/transport/udp"
	"github.com/bougou/go-ipmi/pkg/types"
)

type settings struct {
	Address    string
	User       string
	Password   string
	Suites     []types.CipherSuiteID
	Machine    string // its socket
	Serial     string
	Log        string
	Misbehaves []string
}

func (s *settings) does(what string) bool { return slices.Contains(s.Misbehaves, what) }

func (s *settings) note(line string) {
	file, err := os.OpenFile(s.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	fmt.Fprintln(file, line)
}

// ask opens a connection to the machine, and returns it with the machine's answer to a question.
func (s *settings) ask(question string) (net.Conn, string, error) {
	connection, err := net.Dial("unix", s.Machine)
	if err != nil {
		return nil, "", err
	}
	fmt.Fprintln(connection, question)
	answer := make([]byte, 0, 8)
	for letter := make([]byte, 1); ; {
		if _, err := connection.Read(letter); err != nil {
			connection.Close()
			return nil, "", err
		}
		if letter[0] == '\n' {
			return connection, string(answer), nil
		}
		answer = append(answer, letter[0])
	}
}

func (s *settings) tell(question string) (string, error) {
	connection, answer, err := s.ask(question)
	if err == nil {
		connection.Close()
	}
	return answer, err
}

// chassis keeps boot flags as the mock does, and has power and starts be the machine's.
type chassis struct {
	mock.Chassis
	*settings
	turn   sync.Mutex
	starts int
}

func (c *chassis) PowerState(context.Context) (bool, error) {
	answer, err := c.tell("power")
	return answer == "on", err
}

func (c *chassis) SetPower(ctx context.Context, on bool) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if !on {
		c.note("off")
		if c.does("stays-on") {
			return nil
		}
		_, err := c.tell("stop")
		return err
	}
	c.note("on")
	c.starts++
	if c.does("stays-off") || c.does("slow-start") && c.starts == 1 {
		return nil
	}
	_, err := c.tell("start " + c.source(ctx))
	return err
}

// source is what the start comes from that is now made.
func (c *chassis) source(ctx context.Context) string {
	flags, err := c.GetBootFlags(ctx)
	if err != nil || !flags.BootFlagsValid {
		return "-"
	}
	if !flags.Persist && !c.does("keeps") {
		c.Chassis.SetBootFlags(ctx, &types.BootOptionParam_BootFlags{})
	}
	if c.does("deaf") {
		return "-"
	}
	switch flags.BootDeviceSelector {
	case types.BootDeviceSelectorForcePXE:
		return "Pxe"
	case types.BootDeviceSelectorForceHardDrive:
		return "Hdd"
	case types.BootDeviceSelectorForceBIOSSetup:
		return "BiosSetup"
	}
	return "-"
}

func (c *chassis) WarmReset(context.Context) error { // how go-ipmi calls a shutdown by the machine's own system
	c.note("soft")
	_, err := c.tell("shut-down")
	return err
}

func (c *chassis) PowerCycle(ctx context.Context) error {
	c.SetPower(ctx, false)
	return c.SetPower(ctx, true)
}

func (c *chassis) ColdReset(ctx context.Context) error { return c.PowerCycle(ctx) }

func (c *chassis) Identify(ctx context.Context, seconds uint8) error {
	c.note(fmt.Sprintf("identify %d", seconds))
	return nil
}

func (c *chassis) SetBootFlags(ctx context.Context, flags *types.BootOptionParam_BootFlags) error {
	c.note(fmt.Sprintf("boot %x", flags.Pack()))
	if c.does("forgets") {
		return nil
	}
	return c.Chassis.SetBootFlags(ctx, flags)
}

func (c *chassis) GetBootFlags(ctx context.Context) (*types.BootOptionParam_BootFlags, error) {
	flags, err := c.Chassis.GetBootFlags(ctx)
	if err != nil {
		return &types.BootOptionParam_BootFlags{}, nil
	}
	return flags, nil
}

// console is the machine's serial port; its bytes are collected, since go-ipmi asks for what is there already.
type console struct{ *settings }

func (c console) Open(context.Context) (hal.ConsoleConn, error) {
	connection, _, err := c.ask("console")
	if err != nil {
		return nil, err
	}
	return &line{Conn: connection}, nil
}

type line struct{ net.Conn }

func (l *line) ReadAvailable(p []byte) (int, error) {
	l.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, err := l.Read(p)
	if timeout, is := err.(net.Error); is && timeout.Timeout() {
		return n, nil
	}
	return n, err
}

func (l *line) SendBreak(context.Context) error { return hal.ErrNotSupported }

type hardware struct {
	*mock.HAL
	chassis *chassis
}

func (h hardware) Chassis() hal.ChassisHAL { return h.chassis }

// The system event log, of which go-ipmi has no handlers: two records (a power supply lost its input, a DIMM had a correctable
// error), as the specification has them (tables 31-2, 31-5, 32-1).
var events = [][]byte{
	record(1, 1_796_000_000, 0x08, 0x61, 0x6f, 0x03),
	record(2, 1_796_000_060, 0x0c, 0x72, 0x6f, 0x00),
}

func record(id uint16, at uint32, sensor, number, kind, offset byte) []byte {
	made := make([]byte, 16)
	binary.LittleEndian.PutUint16(made, id)
	made[2] = 0x02
	binary.LittleEndian.PutUint32(made[3:], at)
	copy(made[7:], []byte{0x20, 0x00, 0x04, sensor, number, kind, offset, 0xff, 0xff})
	return made
}

func eventLog(registry *handlers.Registry) {
	info := func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		answer := make([]byte, 14)
		answer[0] = 0x51
		binary.LittleEndian.PutUint16(answer[1:], uint16(len(events)))
		binary.LittleEndian.PutUint16(answer[3:], 0x1000)
		answer[13] = 0x02 // can be reserved
		return answer, types.CodeOK, nil
	}
	entry := func(_ context.Context, _ *handlers.HandlerContext, request []byte) ([]byte, types.CompletionCode, error) {
		if len(request) < 6 {
			return nil, types.CodeRequestDataTruncated, nil
		}
		at := int(binary.LittleEndian.Uint16(request[2:]))
		if at == 0 {
			at = 1
		} else if at == 0xffff {
			at = len(events)
		}
		if at > len(events) {
			return nil, types.CodeRequestedDataNotPresent, nil
		}
		next := uint16(0xffff)
		if at < len(events) {
			next = uint16(at + 1)
		}
		return append(binary.LittleEndian.AppendUint16(nil, next), events[at-1]...), types.CodeOK, nil
	}
	registry.RegisterFunc(types.CommandGetSELInfo, info)
	registry.RegisterFunc(types.CommandGetSELEntry, entry)
	registry.RegisterFunc(types.CommandReserveSEL, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		return []byte{0x01, 0x00}, types.CodeOK, nil
	})
}

// What makers' BMCs do with any command.
func odd(s *settings) handlers.Middleware {
	return func(next handlers.Handler) handlers.Handler {
		return handlers.HandlerFunc(func(ctx context.Context, about *handlers.HandlerContext, request []byte) ([]byte, types.CompletionCode, error) {
			if s.does("hangs") && about.Session != nil {
				time.Sleep(30 * time.Second)
			}
			if s.does("busy") && about.Command == types.CommandActivatePayload {
				return nil, 0x80, nil
			}
			return next.Handle(ctx, about, request)
		})
	}
}

func main() {
	s := &settings{}
	if err := json.NewDecoder(bufio.NewReader(os.Stdin)).Decode(s); err != nil {
		log.Fatal(err)
	}
	hw := hardware{mock.New(), &chassis{settings: s}}
	if s.Machine != "" {
		hw.SetConsole(console{s})
	}
	fru, err := types.PackFRU(types.FRUPackConfig{Product: &types.FRUPackProduct{Manufacturer: "Lab", Name: "Played", Version: "1", Serial: s.Serial}})
	if err != nil {
		log.Fatal(err)
	}
	if err := hw.Storage().FRU().Write(context.Background(), 0, fru); err != nil {
		log.Fatal(err)
	}
	about := bmc.DeviceInfo{DeviceID: 32, DeviceRevision: 1, FirmwareMajor: 1, FirmwareMinor: 2, IPMIVersion: 0x20, ManufacturerID: 0x157,
		ProductID: 1, AdditionalDeviceSupport: 0x3d}
	var guid [16]byte
	copy(guid[:], s.Address)
	board := bmc.New(about, guid, hw, bmc.WithCipherSuites(s.Suites))
	user, err := board.Users.Add(2, s.User)
	if err != nil {
		log.Fatal(err)
	}
	user.SetPassword([]byte(s.Password))
	user.Enabled = true
	user.ChannelAccess[1] = bmc.UserChannelAccess{MaxPrivilege: bmc.PrivilegeLevelAdministrator, Enabled: true}
	registry := handlers.NewRegistry()
	registry.Use(odd(s))
	handlers.RegisterAllHandlers(registry)
	eventLog(registry)
	address := s.Address
	if !strings.Contains(address, ":") {
		address += ":623"
	}
	connection, err := udp.Listen(address)
	if err != nil {
		log.Fatal(err)
	}
	s.note("ready")
	log.Fatal(server.NewServer(board, connection, server.WithHandlerRegistry(registry)).Serve(context.Background()))
}
