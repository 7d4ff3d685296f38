package main

import (
	"fmt"
	"os"
)

// Blocks of a mebibyte, each full of its own number: memory that somebody else writes to shows.
func main() {
	blocks := make([][]byte, 64)
	for number := range blocks {
		blocks[number] = make([]byte, 1<<20)
		for at := range blocks[number] {
			blocks[number][at] = byte(number)
		}
	}
	sum := 0
	for _, block := range blocks {
		for _, value := range block {
			sum += int(value)
		}
	}
	fmt.Println(os.Getenv("INPUT_GREETING"), "from Go")
	if err := os.WriteFile("/step/out/sum", []byte(fmt.Sprint(sum)), 0o644); err != nil {
		panic(err)
	}
}
