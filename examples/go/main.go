// A player accepts, gets a message, and the next one is turned down.
//
//	go run . [wxsub.json]
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func message(openid string) string {
	text, err := json.Marshal(map[string]any{
		"touser":      openid,
		"template_id": "sim-stamina",
		"data":        map[string]string{"thing1": "体力已满，快来领取", "time2": "15:01"},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func run() error {
	path := "wxsub.json"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	config, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	client, err := Open(string(config))
	if err != nil {
		return err
	}
	defer client.Close()

	// One player's calls are worked on in this order, whoever waits for them.
	accepted := client.Report("o-go", "sim-stamina", Accept, "answer-1")
	sent := client.Send(message("o-go"), `{"key": "stamina-4711"}`)
	second := client.Send(message("o-go"), "")
	if r := <-accepted; r.Status != OK {
		return fmt.Errorf("report: %s: %s", r.Name, r.Message)
	} else {
		fmt.Printf("accepted: count %d\n", r.Remaining)
	}
	if r := <-sent; r.Status != OK {
		return fmt.Errorf("send: %s: %s", r.Name, r.Message)
	} else {
		fmt.Printf("sent: message id %d, count %d\n", r.MsgID, r.Remaining)
	}
	if r := <-second; r.Status != NoQuota {
		return fmt.Errorf("one send too many: %s: %s", r.Name, r.Message)
	} else {
		fmt.Printf("one more: %s: %s\n", r.Name, r.Message)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
