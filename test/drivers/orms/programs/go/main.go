// GORM: its migrator's reads, and models; with the argument simple by the simple protocol, with migrate AutoMigrate.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

type Publisher struct {
	ID      int64
	Name    string
	Country *string
	Books   []Book
}

type Book struct {
	ID          int64
	PublisherID int64
	Publisher   Publisher
	Title       string
	Price       float64
	Lent        bool
	Attrs       json.RawMessage `gorm:"type:jsonb;default:'{}'"`
	Loans       []Loan
	Languages   []Language `gorm:"many2many:books_languages;joinForeignKey:book_id;joinReferences:language"`
}

type Loan struct {
	ID      int64
	BookID  int64
	Who     string
	Version int
}

type Language struct {
	Code string `gorm:"primaryKey;type:char(2)"`
	Name string
}

func show(values ...any) {
	out, err := json.Marshal(values)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(out))
}

// must ends the program at an error that is not expected.
func must(tx *gorm.DB) *gorm.DB {
	if tx.Error != nil {
		log.Fatal(tx.Error)
	}
	return tx
}

func inspect(db *gorm.DB) {
	m := db.Migrator()
	tables, err := m.GetTables()
	show(tables, err, m.HasTable("books"), m.HasTable(&Loan{}), m.HasTable("nothing"), m.HasColumn(&Book{}, "Price"), m.HasIndex(&Book{}, "books_title"), m.HasConstraint(&Book{}, "books_cheap"))
	for _, model := range []any{&Publisher{}, &Book{}, &Loan{}, &Language{}, "billing.invoices"} {
		columns, err := m.ColumnTypes(model)
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range columns {
			length, _ := c.Length()
			nullable, _ := c.Nullable()
			primary, _ := c.PrimaryKey()
			auto, _ := c.AutoIncrement()
			unique, _ := c.Unique()
			show(c.Name(), c.DatabaseTypeName(), length, nullable, primary, auto, unique)
		}
		indexes, err := m.GetIndexes(model)
		if err != nil {
			log.Fatal(err)
		}
		for _, i := range indexes {
			unique, _ := i.Unique()
			show(i.Name(), i.Columns(), unique)
		}
	}
	show(m.CurrentDatabase() != "")
}

func read(db *gorm.DB) {
	var books []Book
	must(db.Preload(clause.Associations).Preload("Publisher.Books").Order("id").Find(&books))
	show(books)
	must(db.Joins("Publisher").Where("price > ?", 10).Order("books.id").Limit(2).Offset(0).Find(&books))
	show(books)
	var n int64
	must(db.Model(&Book{}).Where(db.Where("lent").Or("title ILIKE ?", "%ü%")).Count(&n))
	var sums []struct {
		Name string
		N    int64
		Sum  float64
	}
	must(db.Model(&Book{}).Select("publishers.name, count(*) AS n, sum(price)").Joins("JOIN publishers ON publishers.id = books.publisher_id").Group("publishers.name").Having("count(*) > ?", 0).Order("publishers.name").Scan(&sums))
	show(n, sums)
	var titles []string
	must(db.Model(&Book{}).Where("id IN (?)", db.Model(&Loan{}).Select("book_id")).Distinct().Pluck("title", &titles))
	show(titles)
	var first Book
	must(db.Where(map[string]any{"lent": true}).First(&first))
	must(db.Take(&first, "id = ?", first.ID))
	must(db.Last(&first, []int64{first.ID}))
	show(first.Title, errors.Is(db.First(&Book{}, 4).Error, gorm.ErrRecordNotFound))
	must(db.FindInBatches(&books, 2, func(tx *gorm.DB, batch int) error {
		show(batch, len(books))
		return nil
	}))
	rows, err := db.Table("books AS b, publishers AS p").Where("b.publisher_id = p.id AND b.attrs ->> 'n' = ?", "1").Select("b.id", "p.name").Rows()
	if err != nil {
		log.Fatal(err)
	}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			log.Fatal(err)
		}
		show(id, name)
	}
	rows.Close()
	must(db.Raw("SELECT title FROM books WHERE price < @p ORDER BY id", map[string]any{"p": 50}).Scan(&titles))
	show(titles)
}

var errUndo = errors.New("undo")

func write(tx *gorm.DB) error {
	p := Publisher{ID: 70, Name: "Epsilon", Books: []Book{{ID: 761, Title: "t1", Price: 1, Loans: []Loan{{ID: 77, Who: "me"}}}, {ID: 762, Title: "t2", Price: 2}}}
	must(tx.Omit("Books.Languages").Create(&p))
	must(tx.CreateInBatches([]Book{{ID: 763, Title: "a", PublisherID: 70}, {ID: 764, Title: "b", PublisherID: 70}, {ID: 765, Title: "c", PublisherID: 70}}, 2))
	must(tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(&Publisher{ID: 70, Name: "Epsilon two"}))
	must(tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&Publisher{ID: 70, Name: "none"}))
	must(tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Publisher{ID: 71, Name: "Zeta"}))
	must(tx.Save(&Publisher{ID: 71, Name: "Eta"}))
	book := p.Books[0]
	must(tx.Model(&book).Update("title", "changed"))
	must(tx.Model(&book).Updates(map[string]any{"price": gorm.Expr("price * ? + ?", 2, 1), "lent": true}))
	must(tx.Model(&Book{}).Where("publisher_id = ?", 70).UpdateColumn("price", gorm.Expr("price + 1")))
	var back []Book
	must(tx.Model(&back).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}, {Name: "price"}}}).Where("id > ?", 762).Update("lent", true))
	show(len(back))
	must(tx.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Order("id").Find(&back, "publisher_id = ?", 70))
	show(back)
	if err := tx.Omit("Languages.*").Model(&book).Association("Languages").Append(&Language{Code: "en", Name: "English"}); err != nil {
		show(err.Error())
	}
	show(tx.Model(&book).Association("Loans").Count())
	if err := tx.Model(&book).Association("Loans").Delete(&Loan{ID: 77}); err != nil {
		show(err.Error())
	}
	return errUndo
}

func nested(tx *gorm.DB) error {
	p := Publisher{ID: 72, Name: "Theta"}
	must(tx.Create(&p))
	err := tx.Transaction(func(inner *gorm.DB) error { return inner.Create(&Publisher{ID: 72, Name: "again"}).Error })
	show(errors.Is(err, gorm.ErrDuplicatedKey))
	must(tx.SavePoint("before").Create(&Book{ID: 770, Title: "x", PublisherID: 72}))
	must(tx.RollbackTo("before"))
	var found Publisher
	must(tx.Where(Publisher{Name: "Iota"}).Attrs(Publisher{ID: 73}).FirstOrCreate(&found))
	must(tx.Where(Publisher{ID: 73}).Assign(Publisher{Name: "Kappa"}).FirstOrCreate(&found))
	must(tx.Delete(&p))
	must(tx.Where("id >= ?", 73).Delete(&Publisher{}))
	return errUndo
}

func main() {
	log.SetFlags(0)
	simple := len(os.Args) > 1
	migrating := simple && os.Args[1] == "migrate"
	db, err := gorm.Open(postgres.New(postgres.Config{DSN: os.Getenv("DATABASE_URL"), PreferSimpleProtocol: simple}), &gorm.Config{TranslateError: true, PrepareStmt: !simple, Logger: logger.Discard})
	if err != nil {
		log.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	if migrating {
		migrate(db)
		return
	}
	inspect(db)
	read(db)
	for _, f := range []func(*gorm.DB) error{write, nested} {
		if err := db.Transaction(f); !errors.Is(err, errUndo) {
			log.Fatal(err)
		}
	}
	if err := pool.Close(); err != nil {
		log.Fatal(err)
	}
}
