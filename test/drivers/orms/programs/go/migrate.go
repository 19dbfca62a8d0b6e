package main

import (
	"errors"

	"gorm.io/gorm"
)

// Shelf and Item are what AutoMigrate makes first; WiderShelf and WiderItem are the same tables later.
type Shelf struct {
	ID       int64
	TenantID string `gorm:"type:text;not null;default:acme;->"`
	Name     string `gorm:"size:50;not null"`
}

type Item struct {
	ID       int64
	TenantID string `gorm:"type:text;not null;default:acme;->;uniqueIndex:item_title,priority:1"`
	ShelfID  int64
	Shelf    Shelf  `gorm:"constraint:OnDelete:CASCADE"`
	Title    string `gorm:"size:40;uniqueIndex:item_title,priority:2"`
}

type WiderShelf struct {
	ID       int64
	TenantID string  `gorm:"type:text;not null;default:acme;->"`
	Name     string  `gorm:"size:80;not null;comment:as it says"`
	Place    *string `gorm:"index"`
}

func (WiderShelf) TableName() string { return "shelves" }

type WiderItem struct {
	ID       int64
	TenantID string `gorm:"type:text;not null;default:acme;->;uniqueIndex:item_title,priority:1"`
	ShelfID  int64
	Shelf    WiderShelf `gorm:"constraint:OnDelete:CASCADE"`
	Title    string     `gorm:"size:40;uniqueIndex:item_title,priority:2"`
	Weight   float64    `gorm:"type:numeric(8,3);default:1;check:item_weight,weight >= 0"`
}

func (WiderItem) TableName() string { return "items" }

func migrate(db *gorm.DB) {
	check := func(err error) {
		if err != nil {
			must(&gorm.DB{Error: err})
		}
	}
	check(db.AutoMigrate(&Shelf{}, &Item{}))
	shelf := Shelf{Name: "first"}
	must(db.Create(&shelf))
	must(db.Create([]Item{{ShelfID: shelf.ID, Title: "one"}, {ShelfID: shelf.ID, Title: "two"}}))
	check(db.AutoMigrate(&WiderShelf{}, &WiderItem{}))
	check(db.AutoMigrate(&WiderShelf{}, &WiderItem{}))
	m := db.Migrator()
	err := db.Transaction(func(tx *gorm.DB) error {
		check(tx.Migrator().AddColumn(&struct {
			WiderItem
			Note string
		}{}, "Note"))
		must(tx.Exec("UPDATE items SET note = title"))
		return errUndo
	})
	show(errors.Is(err, errUndo), m.HasColumn("items", "note"))
	check(m.RenameColumn(&WiderItem{}, "title", "label"))
	check(m.RenameIndex(&WiderItem{}, "item_title", "item_label"))
	check(m.DropConstraint(&WiderItem{}, "item_weight"))
	check(m.DropColumn(&WiderItem{}, "weight"))
	var labels []string
	must(db.Table("items").Order("label").Pluck("label", &labels))
	show(labels)
}
